//! What an owner types into the search field. MS-ASCMD 2.2.3.142.2 "Query (Search)", FreeText.
//!
//! ```text
//! plan berlin            both words, or words that begin so, anywhere
//! "big plan"             these words in a row, as they are
//! from:anna              who wrote it: From and Sender
//! to:bob@example.org     those it is for: To, Cc and Bcc
//! subject:"big plan"     the subject
//! ```
//!
//! Everything must hold. This is what owners know from elsewhere, a part of the Keyword Query Language; whatever else it
//! has (AND, OR, other names) is taken for words. Any quotation mark opens and closes: phones put in their own.

use easel_store::{Place, Term};

/// Words that are looked for.
const WORDS_MAX: usize = 20;
/// Characters of a word.
const WORD_MAX: usize = 64;

/// The names before a colon.
const PLACES: [(&str, Place); 3] = [("from", Place::From), ("subject", Place::Subject), ("to", Place::To)];

/// What is looked for; nothing when there is no word in the text.
pub(super) fn terms(text: &str) -> Vec<Term> {
    let mut terms = Terms { all: Vec::new(), left: WORDS_MAX };
    let mut rest = text.trim_start();
    while !rest.is_empty() && terms.left > 0 {
        let (place, value) = place(rest);
        let (phrase, behind) = match value.strip_prefix(is_quote) {
            Some(quoted) => split(quoted, is_quote),
            None => split(value, |c| c.is_whitespace() || is_quote(c)),
        };
        let quoted = value.starts_with(is_quote);
        if quoted || place != Place::Anywhere {
            terms.push(words(phrase), place, quoted);
        } else {
            for word in words(phrase) {
                terms.push([word].into_iter(), place, false);
            }
        }
        rest = if quoted { behind.strip_prefix(is_quote).unwrap_or(behind) } else { behind }.trim_start();
    }
    terms.all
}

struct Terms {
    all: Vec<Term>,
    /// Words that may still come.
    left: usize,
}

impl Terms {
    fn push<'a>(&mut self, words: impl Iterator<Item = &'a str>, place: Place, whole: bool) {
        let cut = |word: &str| word.chars().take(WORD_MAX).collect::<String>();
        let words: Vec<String> = words.take(self.left).map(cut).collect();
        self.left -= words.len();
        if !words.is_empty() {
            self.all.push(Term { text: words.join(" "), place, whole });
        }
    }
}

/// Where the next words must stand, and the text behind that; a name with nothing behind it is a word.
fn place(text: &str) -> (Place, &str) {
    let named = PLACES.iter().find_map(|(name, place)| {
        let (before, behind) = text.split_at_checked(name.len())?;
        let behind = behind.strip_prefix(':').filter(|_| before.eq_ignore_ascii_case(name))?.trim_start();
        (!behind.is_empty()).then_some((*place, behind))
    });
    named.unwrap_or((Place::Anywhere, text))
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{201F}' | '\u{AB}' | '\u{BB}')
}

/// The text up to a character, and from it on.
fn split(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(place: Place, whole: bool, text: &str) -> Term {
        Term { text: text.to_owned(), place, whole }
    }

    fn any(text: &str) -> Term {
        Term::from(text)
    }

    #[test]
    fn words_are_what_lies_between_signs_and_not_too_many() {
        assert_eq!(terms("Grüße, bob@example.org!"), ["Grüße", "bob", "example", "org"].map(any));
        assert_eq!(terms(&"a ".repeat(100)).len(), WORDS_MAX);
        assert_eq!(terms(&"a".repeat(1000))[0].text.len(), WORD_MAX);
        assert!(terms(" * ").is_empty() && terms("").is_empty() && terms("\"\" from:\"\" to:?").is_empty());
        let long = terms(&format!("one \"{}\" two", "a ".repeat(100)));
        assert_eq!((long.len(), long[1].text.split(' ').count()), (2, WORDS_MAX - 1));
    }

    #[test]
    fn words_in_quotation_marks_of_any_kind_are_one_phrase() {
        let expected = [any("x"), term(Place::Anywhere, true, "big plan"), any("y")];
        for text in
            ["x \"big plan\" y", "x \u{201E}big plan\u{201C} y", "x\u{AB}big  plan\u{BB}y", "x \u{201D}big-plan\" y"]
        {
            assert_eq!(terms(text), expected, "{text}");
        }
        assert_eq!(terms("\"big plan"), [term(Place::Anywhere, true, "big plan")], "it need not be closed");
    }

    #[test]
    fn a_name_before_a_colon_says_where() {
        assert_eq!(
            terms("from:anna@one.example To:\"Bob Berg\" SUBJECT: plan of"),
            [
                term(Place::From, false, "anna one example"),
                term(Place::To, true, "Bob Berg"),
                term(Place::Subject, false, "plan"),
                any("of"),
            ]
        );
        assert_eq!(
            terms("http://x from: OR cc:bob fromage:x"),
            ["http", "x"]
                .map(any)
                .into_iter()
                .chain([term(Place::From, false, "OR"), any("cc"), any("bob"), any("fromage"), any("x"),])
                .collect::<Vec<_>>()
        );
        assert_eq!(terms("from:"), [any("from")]);
        assert_eq!(terms("to:to:bob"), [term(Place::To, false, "to bob")]);
    }
}
