//! One guest, many behaviours: the part of the User-Agent after `odd/` names what it does. `profile` hands that word on
//! as the memo, so that every later call knows it.

#![allow(unsafe_code, reason = "the bindings, and the attacks on the memory of the host")]

wit_bindgen::generate!({ path: "../../../../wit", world: "every-hook", generate_all });

use easel::plugin::log::{self, Level};
use easel::plugin::types::{
    Class, Content, Context, Direction, Edit, Effect, Entry, Insertion, Setting, SettingValue, Value, Wanted,
};
use exports::easel::plugin::describe::{Command, Header, Manifest, Matcher, Subscription};
use exports::easel::plugin::folder_change::{Change, Edit as FolderEdit, Verdict as FolderVerdict};
use exports::easel::plugin::items::{Answer, State, Verdict};
use exports::easel::plugin::mail::{Edit as MailEdit, Message, Reference, Verdict as MailVerdict};
use exports::easel::plugin::meeting::Request;
use exports::easel::plugin::profile::{Action, Facts, Profile, Rule};
use exports::easel::plugin::recover::{History, Recovery, Symptom};
use exports::easel::plugin::wire::Verdict as WireVerdict;

/// Contacts, code page 1: FileAs, FirstName, LastName, Picture; Calendar: UID, Subject.
const FILE_AS: u16 = 0x011E;
const FIRST_NAME: u16 = 0x011F;
const LAST_NAME: u16 = 0x0129;
const PICTURE: u16 = 0x013C;
const NICK_NAME: u16 = 0x0C0D;

/// Id and version, and what else tells one file from another; tests write others in their place, which is quicker than
/// building.
static NAME: [u8; 64] = *b"@odd@1.0.0@                                                     ";

static mut SEEN: u32 = 0;
static mut SECRET: String = String::new();

struct Odd;

/// The `at`-th part of the name: 1 is the id, 2 the version, 3 whatever is behind.
fn name(at: usize) -> String {
    let name = String::from_utf8_lossy(core::hint::black_box(&NAME));
    name.split('@').nth(at).unwrap_or_default().trim().to_owned()
}

fn text(name: &str, value: &str) -> Setting {
    Setting { name: name.to_owned(), value: SettingValue::Text(value.to_owned()) }
}

fn matcher(user_agent: &str) -> Matcher {
    Matcher {
        device_id: String::new(),
        user_agent: user_agent.to_owned(),
        device_type: String::new(),
        os: String::new(),
        model: String::new(),
        header: None,
        protocol_min: 0,
        protocol_max: 0,
    }
}

impl exports::easel::plugin::describe::Guest for Odd {
    fn get_manifest() -> Manifest {
        let with_header = Matcher {
            device_type: "^OddType$".to_owned(),
            header: Some(Header { name: "X-Odd".to_owned(), pattern: "^1$".to_owned() }),
            ..matcher("")
        };
        let (id, version) = (name(1), name(2));
        // What only declares is for devices of its own and sees no items.
        let declares = id == "odd-declares";
        let wanted = |property| Wanted { property, content: Content::Text, max_bytes: 1024 };
        Manifest {
            id,
            version: version.clone(),
            summary: "Behaves as it is called".to_owned(),
            author: "Easel".to_owned(),
            licence: "MIT OR Apache-2.0".to_owned(),
            matchers: if declares { vec![matcher("^declares/")] } else { vec![matcher("^odd/"), with_header] },
            priority: 0,
            headers: vec!["X-Odd".to_owned()],
            subscriptions: if declares {
                Vec::new()
            } else {
                vec![
                    Subscription {
                        class: Class::Contacts,
                        direction: Direction::ToDevice,
                        wanted: vec![
                            wanted(FILE_AS),
                            wanted(FIRST_NAME),
                            wanted(LAST_NAME),
                            Wanted { property: PICTURE, content: Content::Presence, max_bytes: 0 },
                        ],
                    },
                    Subscription {
                        class: Class::Contacts,
                        direction: Direction::FromDevice,
                        wanted: vec![wanted(FILE_AS), wanted(LAST_NAME)],
                    },
                ]
            },
            commands: if declares {
                Vec::new()
            } else {
                vec![Command { name: "Search".to_owned(), wanted: Vec::new() }]
            },
            settings: vec![
                Setting { name: "sync.window_max".to_owned(), value: SettingValue::Number(77) },
                Setting { name: "sync.no_such_setting".to_owned(), value: SettingValue::Flag(true) },
                Setting { name: "mail.max_recipients".to_owned(), value: SettingValue::Text("many".to_owned()) },
            ],
            quirks: vec!["N03".to_owned()],
            // What a test wants of a new version it says in the last number.
            upgrade: match version.as_str() {
                "2.0.1" => Effect::Resend,
                "2.0.2" => Effect::Hierarchy,
                "2.0.3" => Effect::Renegotiate,
                _ => Effect::None,
            },
        }
    }
}

/// Counts how deep it can go; the result is used, so that it stays a recursion.
#[inline(never)]
#[allow(unconditional_recursion, reason = "an attack")]
fn deeper(depth: u64) -> u64 {
    let here = core::hint::black_box([depth; 64]);
    deeper(depth + 1).wrapping_add(here[(depth % 64) as usize])
}

fn spin() {
    let mut turns = 0u64;
    loop {
        turns = core::hint::black_box(turns.wrapping_add(1));
    }
}

/// What any function does when it is called so.
fn misbehave(word: &str) {
    match word {
        "spin" => spin(),
        "bomb" => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                all.push(core::hint::black_box(vec![1u8; 1 << 20]));
            }
        }
        "recurse" => {
            core::hint::black_box(deeper(0));
        }
        "panic" => panic!("as it was told"),
        "trap" => core::arch::wasm32::unreachable(),
        "flood" => {
            for line in 0..100_000 {
                log::log(Level::Info, &format!("line {line}"));
            }
        }
        "rude" => log::log(Level::Warn, &format!("red \u{1b}[31m\r\nforged line\u{7}\u{202e}{}", "x".repeat(2000))),
        _ => {}
    }
}

/// A text that is none.
fn no_text() -> String {
    unsafe { String::from_utf8_unchecked(vec![0xFF, 0xFE, 0xFD]) }
}

/// A text that claims more bytes than there is memory.
fn endless_text() -> String {
    unsafe { String::from_raw_parts(16 as *mut u8, 0x7FFF_0000, 0x7FFF_0000) }
}

fn set(node: u32, value: &str) -> Edit {
    Edit::Set((node, Value::Text(value.to_owned())))
}

fn insert(node: u32, property: u16, parent: u32) -> Edit {
    let value = Value::Text("new".to_owned());
    Edit::Insert(Insertion { node, parent, before: None, property, value })
}

fn answer(word: &str, state: &State, entries: &[Entry]) -> Result<Answer, String> {
    misbehave(word);
    let first = entries[0].node;
    let of = |edits| Verdict::Edit(edits);
    let mut left = None;
    let verdict = match word {
        "keep" | "flood" | "rude" => Verdict::Keep,
        "withhold" => Verdict::Withhold("as it was told".to_owned()),
        "err" => return Err("this is an error\u{1b}[2J".to_owned()),
        "huge" => of(vec![set(first, &"x".repeat(3 << 20))]),
        "no-text" => of(vec![Edit::Set((first, Value::Text(no_text())))]),
        "endless-text" => of(vec![Edit::Set((first, Value::Text(endless_text())))]),
        "forged-node" => of(vec![set(first, "forged"), set(4_000, "forged")]),
        "forged-parent" => of(vec![insert(1 << 31, NICK_NAME, 4_000)]),
        "small-number" => of(vec![insert(1, NICK_NAME, 0)]),
        "twice" => of(vec![insert(1 << 31, NICK_NAME, 0), insert(1 << 31, NICK_NAME, 0)]),
        "after-removal" => of(vec![Edit::Remove(first), set(first, "gone")]),
        "other-class" => of(vec![set(first, "forged"), insert(1 << 31, 0x0426, 0)]),
        "much-text" => of(vec![set(first, &"x".repeat(300 << 10))]),
        "big-state" => {
            left = Some(vec![7; (16 << 10) + 1]);
            of(vec![set(first, "forged")])
        }
        "count" => {
            let seen = unsafe {
                SEEN += 1;
                SEEN
            };
            of(vec![set(first, &seen.to_string())])
        }
        #[allow(static_mut_refs, reason = "there is one thread")]
        "leak" => {
            let before = unsafe { core::mem::replace(&mut SECRET, entries[0].text.clone().unwrap_or_default()) };
            of(vec![set(first, &format!("before: {before:?}"))])
        }
        "state" => {
            let turns = state.bytes.first().copied().unwrap_or_default() + 1;
            left = Some(vec![turns]);
            of(vec![set(first, &format!("{turns} after {:?}", state.version))])
        }
        // Which file it is that serves.
        "version" => {
            let mark = format!("{} {}", name(2), name(3));
            let of_name = entries.iter().filter(|entry| entry.property == FILE_AS);
            of(of_name.map(|entry| set(entry.node, &mark)).collect())
        }
        // What a pack of ordinary size does to a contact; where it is called `names` the picture stays.
        _ => {
            let mut edits = Vec::new();
            for entry in entries {
                match (entry.property, entry.text.as_deref()) {
                    (FILE_AS, Some(name)) => edits.push(set(entry.node, &name.to_uppercase())),
                    (FIRST_NAME | LAST_NAME, Some(name)) => edits.push(set(entry.node, name.trim())),
                    (PICTURE, _) if word != "names" => edits.push(Edit::Remove(entry.node)),
                    _ => {}
                }
            }
            of(edits)
        }
    };
    Ok(Answer { verdict, state: left })
}

fn word(context: &Context) -> String {
    String::from_utf8_lossy(&context.memo).into_owned()
}

impl exports::easel::plugin::profile::Guest for Odd {
    fn for_device(facts: Facts, options: Vec<Setting>) -> Result<Profile, String> {
        let word = facts.user_agents.last().and_then(|agent| agent.strip_prefix("odd/")).unwrap_or("edit").to_owned();
        let mut settings = vec![text("sync.conflict", "server")];
        let mut memo = word.clone().into_bytes();
        match word.as_str() {
            "profile-spin" => spin(),
            "profile-panic" => panic!("as it was told"),
            "profile-err" => return Err("no idea".to_owned()),
            "long-memo" => memo = vec![1; 4097],
            "unknown" => settings.push(text("no.such", "x")),
            _ => {}
        }
        if let Some(option) = options.first() {
            settings.push(Setting { name: option.name.clone(), value: option.value.clone() });
        }
        let drop_nick =
            Rule { class: Class::Contacts, direction: Direction::ToDevice, property: NICK_NAME, action: Action::Drop };
        let rules = match word.as_str() {
            "many-rules" => vec![drop_nick; 65],
            "bad-rule" => vec![Rule { action: Action::AtHour(24), ..drop_nick }],
            _ => vec![drop_nick],
        };
        let family = match word.as_str() {
            "facts" => format!("{:?} {:?}", facts.origin, facts.headers),
            word => format!("odd-{word}"),
        };
        Ok(Profile { family, rules, settings, memo })
    }
}

impl exports::easel::plugin::items::Guest for Odd {
    fn outgoing(_: Class, context: Context, state: State, entries: Vec<Entry>) -> Result<Answer, String> {
        answer(&word(&context), &state, &entries)
    }

    fn incoming(
        _: Class,
        context: Context,
        state: State,
        entries: Vec<Entry>,
        base: Vec<Entry>,
    ) -> Result<Answer, String> {
        if word(&context) == "version" {
            return Ok(Answer { verdict: Verdict::Keep, state: None });
        }
        if word(&context) == "base" {
            let before = base.iter().find_map(|entry| entry.text.clone()).unwrap_or_default();
            let verdict = Verdict::Edit(vec![set(entries[0].node, &format!("was {before}"))]);
            return Ok(Answer { verdict, state: None });
        }
        answer(&word(&context), &state, &entries)
    }
}

impl exports::easel::plugin::mail::Guest for Odd {
    fn incoming(context: Context, message: Message) -> Result<MailVerdict, String> {
        misbehave(&word(&context));
        Ok(match word(&context).as_str() {
            "withhold" => MailVerdict::Withhold("as it was told".to_owned()),
            "forged-node" => MailVerdict::Edit(vec![MailEdit::Charset((4_000, "utf-8".to_owned()))]),
            "keep" => MailVerdict::Keep,
            _ => MailVerdict::Edit(vec![
                MailEdit::SetHeader(("X-Parts".to_owned(), message.parts.len().to_string())),
                MailEdit::Mark(("a@b".to_owned(), Reference::Replied)),
            ]),
        })
    }
}

impl exports::easel::plugin::folder_change::Guest for Odd {
    fn incoming(context: Context, change: Change) -> Result<FolderVerdict, String> {
        misbehave(&word(&context));
        Ok(match word(&context).as_str() {
            "withhold" => FolderVerdict::Refuse("as it was told".to_owned()),
            _ => FolderVerdict::Edit(vec![
                FolderEdit::DisplayName(format!("{}!", change.display_name)),
                FolderEdit::Kind(13),
                FolderEdit::ToRoot,
            ]),
        })
    }
}

impl exports::easel::plugin::meeting::Guest for Odd {
    fn incoming(context: Context, request: Request) -> Result<Option<Request>, String> {
        misbehave(&word(&context));
        Ok(match word(&context).as_str() {
            "keep" => None,
            "forged-node" => Some(Request { user_response: 9, ..request }),
            _ => Some(Request { instance_id: "20261125T080000Z".to_owned(), ..request }),
        })
    }
}

impl exports::easel::plugin::recover::Guest for Odd {
    fn advise(context: Context, history: History) -> Result<Recovery, String> {
        misbehave(&word(&context));
        Ok(if history.symptom == Symptom::ZeroKey { Recovery::Retry } else { Recovery::Usual })
    }
}

impl exports::easel::plugin::wire::Guest for Odd {
    fn incoming(context: Context, entries: Vec<Entry>) -> Result<WireVerdict, String> {
        misbehave(&word(&context));
        let found = entries.iter().find(|entry| entry.text.as_deref() == Some("typo"));
        Ok(found.map_or(WireVerdict::Keep, |entry| WireVerdict::Edit(vec![set(entry.node, "mended")])))
    }
}

export!(Odd);
