//! Palm Treo and others with Palm OS, whose mail is VersaMail, and webOS after them.

use easel_pack::mail::{self, Message, Part};
use easel_pack::prelude::*;
use easel_pack::settings::{Merge, Multi, Protocol};

/// The pack.
#[derive(Debug)]
pub struct Palm;

impl Describe for Palm {
    fn describe() -> Manifest {
        Manifest::new("palm", env!("CARGO_PKG_VERSION"), "Palm Treo and others with Palm OS, and webOS.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            .recognises([user_agent("^PalmOne"), user_agent("^Palm/")])
            .settings([
                settings::versions::VERSIONS.are([Protocol::V2_5, Protocol::V12_1]),
                settings::hierarchy::MULTI.only([Multi::Mail]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
                settings::sync::WINDOW_MAX.is(100),
                settings::sync::ANSWER_WITHIN_S.is(28),
            ])
            .answers(["G28", "W17", "X15"])
    }
}

impl Mail for Palm {
    /// W17: a text that does not say its charset and is not ASCII is Latin-1, the only one Palm OS knows.
    fn incoming(_: &Context, message: &Message) -> Result<mail::Verdict, Fault> {
        let latin1 = |part: &&Part| {
            let text = part.content_type.starts_with("text/") && part.charset.is_empty();
            text && !part.sample.is_ascii() && !is_utf8(&part.sample)
        };
        let edit = |part: &Part| mail::Edit::Charset((part.index, "iso-8859-1".to_owned()));
        Ok(message.parts.iter().filter(latin1).map(edit).collect::<Vec<_>>().into())
    }
}

/// Whether it is UTF-8, be it cut in the middle of a character at its end.
fn is_utf8(sample: &[u8]) -> bool {
    std::str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true)
}

easel_pack::export!(Palm: mail);

#[cfg(test)]
mod tests {
    use easel_pack::testing::sync;

    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn w17_a_text_that_says_nothing_is_latin_1() {
        let verdict = |content_type: &str, charset: &str, sample: &[u8]| {
            let part = Part {
                index: 0,
                parent: None,
                content_type: content_type.to_owned(),
                charset: charset.to_owned(),
                filename: String::new(),
                size: 9,
                sample: sample.to_vec(),
            };
            let message = Message { headers: Vec::new(), parts: vec![part], client_id: String::new() };
            <Palm as Mail>::incoming(&sync(25, "outbox"), &message).unwrap()
        };
        let latin1 = mail::Verdict::Edit(vec![mail::Edit::Charset((0, "iso-8859-1".to_owned()))]);
        assert_eq!(verdict("text/plain", "", b"Gr\xFC\xDFe"), latin1);
        assert_eq!(verdict("text/plain", "utf-8", b"Gr\xFC\xDFe"), mail::Verdict::Keep);
        assert_eq!(verdict("text/plain", "", b"Tea"), mail::Verdict::Keep);
        assert_eq!(verdict("text/plain", "", "Grüße".as_bytes()), mail::Verdict::Keep);
        // The sample ends within a character.
        assert_eq!(verdict("text/plain", "", b"Gr\xC3\xBC\xC3"), mail::Verdict::Keep);
        assert_eq!(verdict("image/png", "", b"\xFF"), mail::Verdict::Keep);
    }
}
