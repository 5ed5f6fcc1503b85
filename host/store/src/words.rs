//! What a word is in a search.

/// Whether words of this script are not set apart by spaces, or carry what other languages write apart: Chinese
/// characters, kana, bopomofo and hangul. In a run of such characters every one of them begins a word.
pub const fn begins_a_word(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{11FF}'      // hangul jamo
        | '\u{3005}'..='\u{3007}'    // iteration mark, closing mark, zero
        | '\u{3040}'..='\u{30FF}'    // hiragana, katakana
        | '\u{3100}'..='\u{318F}'    // bopomofo, hangul compatibility jamo
        | '\u{31F0}'..='\u{31FF}'    // katakana extensions
        | '\u{3400}'..='\u{4DBF}'    // Chinese characters
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7A3}'    // hangul
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FF66}'..='\u{FF9F}'    // narrow katakana
        | '\u{20000}'..='\u{323AF}')
}
