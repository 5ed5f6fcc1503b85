//! Compares our reading of every fixture with libwbxml's. `tests/spec-differential/run.sh` runs it.
//!
//! For each `NAME.hex` with a `NAME.xml` beside it, below the folders given: our decoder, the XML file and `wbxml2xml`
//! must agree on the tree, and `xml2wbxml` must make the same bytes of what `wbxml2xml` wrote. libwbxml spells some tags
//! differently and does not know others (`libwbxml-spellings.tsv`); a document with one of those is counted apart. XML
//! loses a carriage return on the way back, and libwbxml takes every picture for bytes: a document with one of those is
//! only read. An empty XML file says that the bytes are no document on purpose.
#![expect(clippy::print_stdout, reason = "a tool speaks to a terminal")]

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use easel_wbxml::pages::gal;
use easel_wbxml::xml::from_xml;
use easel_wbxml::{Element, Node, Tag, decode};
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Reader, Writer};

type Failure = Box<dyn Error>;

const SPELLINGS: &str = include_str!("../../../tests/spec-differential/libwbxml-spellings.tsv");
/// What libwbxml calls a tag that it does not know.
const UNKNOWN: &str = "unknown";

fn main() -> Result<ExitCode, Failure> {
    let spellings = Spellings::read();
    let scratch = env::temp_dir().join(format!("easel-against-libwbxml-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let mut fixtures = Vec::new();
    for folder in env::args().skip(1) {
        find(Path::new(&folder), &mut fixtures)?;
    }
    fixtures.sort();
    let (mut same, mut unknown, mut failed) = (0, 0, 0);
    for hex in &fixtures {
        match compare(hex, &scratch, &spellings) {
            Ok(Outcome::Same) => same += 1,
            Ok(Outcome::Unknown(tag)) => {
                unknown += 1;
                println!("not comparable  {}: libwbxml does not know {tag}", hex.display());
            }
            Err(error) => {
                failed += 1;
                println!("DIFFERENT       {}: {error}", hex.display());
            }
        }
    }
    fs::remove_dir_all(&scratch)?;
    println!("{same} the same, {unknown} not comparable, {failed} different, of {} documents", fixtures.len());
    let good = failed == 0 && same > 0;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

enum Outcome {
    Same,
    Unknown(Tag),
}

fn compare(hex: &Path, scratch: &Path, spellings: &Spellings) -> Result<Outcome, Failure> {
    let wire = bytes(&fs::read_to_string(hex)?)?;
    let ours = decode(&wire)?;
    if from_xml(&fs::read_to_string(hex.with_extension("xml"))?)? != ours {
        return Err("the XML beside it is another tree than our decoder reads".into());
    }
    if let Some(tag) = spellings.first_unknown(&ours) {
        return Ok(Outcome::Unknown(tag));
    }
    let (binary, xml, again) = (scratch.join("in.wbxml"), scratch.join("out.xml"), scratch.join("again.wbxml"));
    fs::write(&binary, &wire)?;
    run(Command::new("wbxml2xml").args(["-l", "ACTIVESYNC", "-m", "0", "-k", "-o"]).args([&xml, &binary]))?;
    let theirs = from_xml(&spellings.ours(&fs::read_to_string(&xml)?)?)?;
    same(&ours, &theirs)?;
    if changes_on_the_way_back(&ours) {
        return Ok(Outcome::Same);
    }
    run(Command::new("xml2wbxml").args(["-n", "-a", "-v", "1.3", "-k", "-o"]).args([&again, &xml]))?;
    if fs::read(&again)? != wire {
        return Err("xml2wbxml makes other bytes of the same tree".into());
    }
    Ok(Outcome::Same)
}

fn changes_on_the_way_back(element: &Element) -> bool {
    element.content.iter().any(|node| match node {
        Node::Element(child) => changes_on_the_way_back(child),
        Node::Text(text) => text.contains('\r') || element.tag == gal::DATA,
        Node::Opaque(_) => false,
    })
}

/// Every `.hex` with an `.xml` beside it.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "hex") {
            let xml = fs::read_to_string(path.with_extension("xml")).unwrap_or_default();
            found.extend((!xml.trim().is_empty()).then_some(path));
        }
    }
    Ok(())
}

fn bytes(hex: &str) -> Result<Vec<u8>, Failure> {
    let digits: String = hex.split_whitespace().collect();
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return Err("not whole bytes of hexadecimal digits".into());
    }
    (0..digits.len()).step_by(2).map(|at| Ok(u8::from_str_radix(&digits[at..at + 2], 16)?)).collect()
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}", command.get_program().display(), String::from_utf8_lossy(&output.stderr).trim()).into())
}

/// Whether two trees say the same. libwbxml has no mark for bytes: it writes them as base64, or as text if they are.
fn same(ours: &Element, theirs: &Element) -> Result<(), Failure> {
    let differ = || Failure::from(format!("ours {ours:?}, theirs {theirs:?}"));
    if ours.tag != theirs.tag {
        return Err(differ());
    }
    if let [Node::Opaque(bytes)] = ours.content.as_slice() {
        let text = theirs.value();
        let agree = text.trim() == BASE64.encode(bytes) || text.as_bytes() == bytes.as_slice();
        return if agree { Ok(()) } else { Err(differ()) };
    }
    if ours.content.len() != theirs.content.len() {
        return Err(differ());
    }
    ours.content.iter().zip(&theirs.content).try_for_each(|nodes| match nodes {
        (Node::Element(a), Node::Element(b)) => same(a, b),
        // XML readers take a carriage return before a line feed away; some elements libwbxml always writes as base64.
        (Node::Text(a), Node::Text(b)) if a.replace("\r\n", "\n") == *b || BASE64.encode(a) == b.trim() => Ok(()),
        (Node::Element(_) | Node::Opaque(_) | Node::Text(_), _) => Err(differ()),
    })
}

/// How libwbxml names tags where it does not name them as published.
struct Spellings {
    /// Page and their name to our name.
    published: HashMap<(u8, &'static str), &'static str>,
    unknown: Vec<(u8, &'static str)>,
}

impl Spellings {
    fn read() -> Self {
        let mut spellings = Self { published: HashMap::new(), unknown: Vec::new() };
        for row in SPELLINGS.lines().skip(1) {
            let [page, ours, theirs] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("three columns: {row}") };
            let page = page.parse().expect("a page number");
            if theirs == UNKNOWN {
                spellings.unknown.push((page, ours));
            } else {
                spellings.published.insert((page, theirs), ours);
            }
        }
        spellings
    }

    fn first_unknown(&self, element: &Element) -> Option<Tag> {
        let tag = element.tag;
        let unknown = tag.name().is_none_or(|name| self.unknown.contains(&(tag.page(), name)));
        if unknown { Some(tag) } else { element.children().find_map(|child| self.first_unknown(child)) }
    }

    /// Their XML with our names.
    fn ours(&self, xml: &str) -> Result<String, Failure> {
        let xml = xml.replace("xmlns=\"Gal:\"", "xmlns=\"GAL:\"");
        let mut reader = Reader::from_str(&xml);
        let mut writer = Writer::new(Vec::new());
        let mut open: Vec<(u8, String)> = Vec::new();
        loop {
            match reader.read_event()? {
                Event::Start(mut start) => {
                    let renamed = self.renamed(&start, &open)?;
                    start.set_name(renamed.1.as_bytes());
                    writer.write_event(Event::Start(start))?;
                    open.push(renamed);
                }
                Event::Empty(mut start) => {
                    let (_, name) = self.renamed(&start, &open)?;
                    start.set_name(name.as_bytes());
                    writer.write_event(Event::Empty(start))?;
                }
                Event::End(_) => {
                    let (_, name) = open.pop().ok_or("an end without a start")?;
                    writer.write_event(Event::End(BytesEnd::new(name)))?;
                }
                Event::Eof => return Ok(String::from_utf8(writer.into_inner())?),
                other @ (Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_)
                | Event::GeneralRef(_)) => writer.write_event(other)?,
            }
        }
    }

    fn renamed(&self, start: &BytesStart<'_>, open: &[(u8, String)]) -> Result<(u8, String), Failure> {
        let name = String::from_utf8(start.name().0.to_vec())?;
        let page = match start.try_get_attribute("xmlns")? {
            Some(namespace) => {
                let namespace = namespace.unescape_value()?;
                let namespace = namespace.trim_end_matches(':');
                let named = |page: &u8| Tag::new(*page, 0x05).namespace() == Some(namespace);
                (0..26).find(named).ok_or_else(|| format!("namespace {namespace}"))?
            }
            None => open.last().ok_or("a root without namespace")?.0,
        };
        let ours = self.published.get(&(page, name.as_str())).map_or(name.clone(), |ours| (*ours).to_owned());
        Ok((page, ours))
    }
}
