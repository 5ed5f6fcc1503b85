//! A manifest, checked. `wit/describe.wit`, `manifest`.

use std::collections::BTreeMap;

use easel_plugin::item::{Content, Wanted};
use easel_plugin::settings::Effect;
use easel_plugin::{Direction, Profile};
use easel_protocol::{Class, Command, DeviceFacts};

use crate::Matcher;
use crate::log::clean;
use crate::matcher::take_everybody;
use crate::v0_1::{RawManifest, RawWanted, known};

/// The pack that serves whoever is left.
pub(crate) const DEFAULT: &str = "default";
/// Ways to recognise a client.
const MATCHERS_MAX: usize = 64;
/// Headers that a pack may ask for.
const HEADERS_MAX: usize = 8;
/// Bytes of one property that a pack is shown.
const SHOWN_BYTES_MAX: u32 = 256 << 10;

/// What a pack says of itself.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `[a-z0-9-]{1,40}`.
    pub id: String,
    /// Semantic.
    pub version: semver::Version,
    /// One line, at most 200 characters.
    pub summary: String,
    /// At most 200 characters.
    pub author: String,
    /// An SPDX expression.
    pub licence: String,
    /// The best one counts.
    pub matchers: Vec<Matcher>,
    /// Of two packs with the same score the higher wins.
    pub priority: i32,
    /// Headers to remember, in lower case: those it asks for and those its matchers look at.
    pub headers: Vec<String>,
    /// What it wants to see of items.
    pub(crate) items: BTreeMap<(bool, Class), Wanted>,
    /// What it wants to see of requests.
    pub(crate) commands: BTreeMap<Command, Wanted>,
    /// Its settings.
    pub profile: Profile,
    /// A sentence for each setting that this server does not have.
    pub left_out: Vec<String>,
    /// Ids of the catalogue.
    pub quirks: Vec<String>,
    /// What taking the place of an earlier version does to devices in service.
    pub upgrade: Effect,
}

/// What is wrong with a manifest, and with which field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its manifest is wrong: {field}: {what}")]
pub struct ManifestError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it, and what it may be.
    pub what: String,
}

impl Manifest {
    pub(crate) fn check(said: RawManifest) -> Result<Self, ManifestError> {
        let wrong = |field, what: String| ManifestError { field, what: clean(&what) };
        if !is_id(&said.id) {
            return Err(wrong("id", format!("{:?} is not 1 to 40 of a-z, 0-9 and hyphens", said.id)));
        }
        let version = semver::Version::parse(&said.version)
            .map_err(|error| wrong("version", format!("{:?} is not like 1.2.3: {error}", said.version)))?;
        for (field, text) in [("summary", &said.summary), ("author", &said.author), ("licence", &said.licence)] {
            if text.chars().count() > 200 || text.trim().is_empty() || *text != clean(text) {
                return Err(wrong(field, "one line of 1 to 200 characters without control characters".to_owned()));
            }
        }
        // Counted before any is compiled: that takes its time.
        if said.matchers.len() > MATCHERS_MAX {
            return Err(wrong("matchers", format!("{} of them: at most {MATCHERS_MAX}", said.matchers.len())));
        }
        let matchers = said.matchers.iter().map(Matcher::compile).collect::<Result<Vec<_>, _>>();
        let matchers = matchers.map_err(|what| wrong("matchers", what))?;
        if said.id != DEFAULT && take_everybody(&matchers) {
            let what = "they take clients of which nothing is known or everything is made up, and with them everybody: \
                        narrow the patterns; only the pack named `default` serves whoever is left";
            return Err(wrong("matchers", what.to_owned()));
        }
        let mut headers = Vec::new();
        for name in said.headers.iter().map(String::as_str).chain(matchers.iter().filter_map(Matcher::header)) {
            let name = header_name(name).map_err(|what| wrong("headers", what))?;
            if headers.contains(&name) {
                continue;
            }
            if headers.len() == HEADERS_MAX {
                return Err(wrong("headers", format!("one too many is {name:?}: at most {HEADERS_MAX}")));
            }
            headers.push(name);
        }
        let mut items = BTreeMap::new();
        for (direction, class, wanted) in said.subscriptions {
            let wanted = all_known(&wanted).map_err(|what| wrong("subscriptions", what))?;
            if items.insert((direction == Direction::Incoming, class), wanted).is_some() {
                return Err(wrong("subscriptions", format!("{class} is named twice in one direction")));
            }
        }
        let mut commands = BTreeMap::new();
        for (name, wanted) in said.commands {
            let command = Command::parse(&name);
            let command = command.ok_or_else(|| wrong("commands", format!("no command is called {name:?}")))?;
            if matches!(command, Command::Provision | Command::Settings) {
                let what = format!("{name} may hold a password or a policy, and no pack sees it: leave it out");
                return Err(wrong("commands", what));
            }
            let wanted = all_known(&wanted).map_err(|what| wrong("commands", what))?;
            if commands.insert(command, wanted).is_some() {
                return Err(wrong("commands", format!("{name} is named twice")));
            }
        }
        let is_quirk = |id: &String| {
            let digits = id.trim_start_matches(|c: char| c.is_ascii_uppercase());
            let letters = id.len() - digits.len();
            (1..=2).contains(&letters) && (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        };
        if let Some(id) = said.quirks.iter().find(|id| !is_quirk(id)) {
            return Err(wrong("quirks", format!("{id:?} is not like N03")));
        }
        Ok(Self {
            id: said.id,
            version,
            summary: said.summary,
            author: said.author,
            licence: said.licence,
            matchers,
            priority: said.priority,
            headers,
            items,
            commands,
            profile: said.profile,
            left_out: said.left_out,
            quirks: said.quirks,
            upgrade: said.upgrade,
        })
    }

    /// The best score of its matchers.
    pub fn score(&self, facts: &DeviceFacts) -> Option<u32> {
        self.matchers.iter().filter_map(|matcher| matcher.score(facts)).max()
    }
}

/// Whether this may be the id of a pack.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=40).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The name of a header in lower case, if a pack may see it.
pub(crate) fn header_name(name: &str) -> Result<String, String> {
    let lower = name.to_ascii_lowercase();
    let token = lower.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if lower.is_empty() || lower.len() > DeviceFacts::HEADER_NAME_BYTES_MAX || !token {
        return Err(format!("{name:?} is not the name of a header"));
    }
    if let Some(word) = easel_protocol::secret_in_name(&lower) {
        return Err(format!("{name:?} may carry a secret (it has {word:?} in it), and no pack sees it: leave it out"));
    }
    Ok(lower)
}

fn all_known(said: &[RawWanted]) -> Result<Wanted, String> {
    if said.len() > 512 {
        return Err(format!("{} properties wanted: at most 512", said.len()));
    }
    if said.is_empty() {
        return Ok(Wanted::all());
    }
    let one = |wanted: &RawWanted| {
        let content = match wanted.content {
            Content::Presence => Content::Presence,
            Content::Text(most) => Content::Text(most.min(SHOWN_BYTES_MAX)),
        };
        Ok((known(wanted.number)?, content))
    };
    Ok(Wanted::only(said.iter().map(one).collect::<Result<Vec<_>, String>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v0_1::RawMatcher;

    fn said() -> RawManifest {
        RawManifest {
            id: "nokia-mfe".to_owned(),
            version: "1.2.3".to_owned(),
            summary: "s".to_owned(),
            author: "a".to_owned(),
            licence: "MIT".to_owned(),
            matchers: Vec::new(),
            priority: 0,
            headers: Vec::new(),
            subscriptions: Vec::new(),
            commands: Vec::new(),
            profile: Profile::default(),
            left_out: Vec::new(),
            quirks: vec!["N03".to_owned()],
            upgrade: Effect::None,
        }
    }

    fn field(change: impl FnOnce(&mut RawManifest)) -> Option<&'static str> {
        let mut said = said();
        change(&mut said);
        Manifest::check(said).err().map(|error| error.field)
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let number = |number| RawWanted { number, content: Content::Presence };
        assert_eq!(field(|_| {}), None);
        assert_eq!(field(|said| said.id = "Nokia".to_owned()), Some("id"));
        assert_eq!(field(|said| said.id = "../x".to_owned()), Some("id"));
        assert_eq!(field(|said| said.id = String::new()), Some("id"));
        assert_eq!(field(|said| said.id = "x".repeat(41)), Some("id"));
        assert_eq!(field(|said| said.version = "1.2".to_owned()), Some("version"));
        assert_eq!(field(|said| said.summary = "a\nb".to_owned()), Some("summary"));
        assert_eq!(field(|said| said.author = "x".repeat(201)), Some("author"));
        assert_eq!(field(|said| said.licence = " ".to_owned()), Some("licence"));
        assert_eq!(field(|said| said.quirks.push("nokia".to_owned())), Some("quirks"));
        assert_eq!(field(|said| said.matchers = vec![RawMatcher::default(); 65]), Some("matchers"));
        let unknown = number(0x0102 | 0x3E00);
        assert_eq!(
            field(|said| said.subscriptions.push((Direction::Outgoing, Class::Notes, vec![unknown]))),
            Some("subscriptions")
        );
        let twice = (Direction::Outgoing, Class::Notes, Vec::new());
        assert_eq!(field(|said| said.subscriptions.extend([twice.clone(), twice])), Some("subscriptions"));
        for name in ["Provision", "Settings", "Sink"] {
            assert_eq!(field(|said| said.commands.push((name.to_owned(), Vec::new()))), Some("commands"), "{name}");
        }
        for name in ["Authorization", "Cookie", "X-Auth-User", "Proxy-Authorization", "X-Api-Key", "a b", ""] {
            assert_eq!(field(|said| said.headers.push(name.to_owned())), Some("headers"), "{name}");
        }
        assert_eq!(field(|said| said.headers.extend((0..9).map(|n| format!("x-{n}")))), Some("headers"));
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_costs_anything() {
        let mut raw = said();
        let bad = RawMatcher { user_agent: "(".to_owned(), ..RawMatcher::default() };
        raw.matchers = vec![bad; 20_000];
        assert_eq!(Manifest::check(raw).unwrap_err().what, "20000 of them: at most 64");
        let mut raw = said();
        raw.headers = (0..20_000).map(|n| format!("x-{n}")).chain(["no header".to_owned()]).collect();
        assert_eq!(Manifest::check(raw).unwrap_err().what, "one too many is \"x-8\": at most 8");
    }

    #[test]
    fn only_the_default_pack_may_take_everybody() {
        let all = RawMatcher { user_agent: ".*".to_owned(), ..RawMatcher::default() };
        assert_eq!(field(|said| said.matchers.push(all.clone())), Some("matchers"));
        assert_eq!(
            field(|said| {
                said.id = DEFAULT.to_owned();
                said.matchers.push(all);
            }),
            None
        );
        assert_eq!(field(|said| said.matchers.push(RawMatcher::default())), None);
    }
}
