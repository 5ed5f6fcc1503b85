//! Takes a TOML document apart, key by key, and remembers what was asked for: what is left is unknown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Severity};
use super::values;

/// Problems reported of one file; what comes after them is noise.
const PROBLEMS_MAX: usize = 50;

/// A file being read.
#[derive(Debug)]
pub(super) struct Source<'a> {
    file: &'a Path,
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
}

/// Why a value is refused: what it should be.
pub(super) type Refused = String;

/// Why an entry under a name of the operator's choosing is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    /// There is no such name; the cure.
    Name(String),
    /// It cannot have this value; what it should be.
    Value(Refused),
}

/// A table being read.
#[derive(Debug)]
pub(super) struct Section<'s, 'a> {
    source: &'s Source<'a>,
    /// `listen.` and the like; empty for the root.
    prefix: String,
    line: Option<usize>,
    table: DeTable<'a>,
    asked: Vec<&'static str>,
    places: BTreeMap<&'static str, Range<usize>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        Self { file, text, problems: RefCell::default() }
    }

    /// The table of the whole file; syntax errors are reported here.
    pub(super) fn root(&self) -> Section<'_, 'a> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let what = error.message().lines().map(str::trim).collect::<Vec<_>>().join(", ");
            self.report(error.span(), Severity::Error, what, "write it as TOML: key = value");
        }
        Section {
            source: self,
            prefix: String::new(),
            line: None,
            table: table.into_inner(),
            asked: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    fn report(&self, at: Option<Range<usize>>, severity: Severity, what: String, cure: impl Into<String>) {
        let line = at.map(|span| self.line(span.start));
        self.report_line(line, severity, what, cure);
    }

    fn report_line(&self, line: Option<usize>, severity: Severity, what: String, cure: impl Into<String>) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < PROBLEMS_MAX {
            problems.push(Problem { file: self.file.to_owned(), line, severity, what, cure: cure.into() });
        }
    }

    /// The entries of a table, those of tables inside under names with dots.
    fn entries<V>(
        &self,
        place: &str,
        table: DeTable<'a>,
        read: impl Fn(&str, &DeValue<'_>) -> Result<V, Mistake>,
    ) -> BTreeMap<String, V> {
        let mut entries = BTreeMap::new();
        let mut open = vec![(String::new(), table)];
        while let Some((before, table)) = open.pop() {
            for (key, value) in table {
                let name = format!("{before}{}", key.get_ref());
                let value = value.into_inner();
                if let DeValue::Table(inside) = value {
                    open.push((format!("{name}."), inside));
                    continue;
                }
                let (what, cure) = match read(&name, &value) {
                    Ok(_) if entries.contains_key(&name) => {
                        (format!("{place}.{name} is there twice, in two spellings"), "leave one of them out".to_owned())
                    }
                    Ok(value) => {
                        entries.insert(name, value);
                        continue;
                    }
                    Err(Mistake::Name(cure)) => (format!("there is no key {:?} in [{place}]", cut(&name)), cure),
                    Err(Mistake::Value(cure)) => (format!("{place}.{name} cannot be {}", shown(&value)), cure),
                };
                self.report(Some(key.span()), Severity::Error, what, cure);
            }
        }
        entries
    }

    fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }
}

impl<'s, 'a> Section<'s, 'a> {
    /// A table inside; an empty one where there is none.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let prefix = format!("{}{key}.", self.prefix);
        let (line, table) = match self.take(key) {
            None => (None, DeTable::new()),
            Some(value) => {
                let line = self.places.get(key).map(|span| self.source.line(span.start));
                let value = value.into_inner();
                let what = format!("{}{key} is {}, not a section", self.prefix, shown(&value));
                if let DeValue::Table(table) = value {
                    (line, table)
                } else {
                    self.wrong(key, what, format!("write [{}{key}] on a line of its own", self.prefix));
                    (line, DeTable::new())
                }
            }
        };
        Self { source: self.source, prefix, line, table, asked: Vec::new(), places: BTreeMap::new() }
    }

    /// Whether the section stands in the file.
    pub(super) fn is_given(&self) -> bool {
        self.line.is_some()
    }

    /// Whether a key that was asked for stands in the file.
    pub(super) fn was_given(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// A yes-or-no value.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.take(key) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.refuse(key, value.get_ref(), "write true or false");
            default
        })
    }

    /// A whole number in a range.
    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        default: i64,
        range: RangeInclusive<i64>,
        unit: &str,
    ) -> T {
        let number = self.take(key).map_or(default, |value| match integer(value.get_ref()) {
            Some(number) if range.contains(&number) => number,
            Some(_) | None => {
                let cure = format!("write a whole number of {unit}, {} to {}", range.start(), range.end());
                self.refuse(key, value.get_ref(), &cure);
                default
            }
        });
        T::try_from(number).ok().expect("the range of every number fits its type")
    }

    /// A number of things; 0, the default, leaves it open.
    pub(super) fn count(&mut self, key: &'static str, most: i64, unit: &str) -> Option<usize> {
        Some(self.number(key, 0, 0..=most, unit)).filter(|count| *count > 0)
    }

    /// A text that `read` understands.
    pub(super) fn value<T>(&mut self, key: &'static str, default: T, read: impl Fn(&str) -> Result<T, Refused>) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// A text that `read` understands, or nothing.
    pub(super) fn optional<T>(&mut self, key: &'static str, read: impl Fn(&str) -> Result<T, Refused>) -> Option<T> {
        let value = self.take(key)?;
        let DeValue::String(text) = value.get_ref() else {
            self.refuse(key, value.get_ref(), "write a text in quotes");
            return None;
        };
        match read(text) {
            Ok(value) => Some(value),
            Err(cure) => {
                self.refuse(key, value.get_ref(), &cure);
                None
            }
        }
    }

    /// A path, relative to `dir`.
    pub(super) fn path(&mut self, key: &'static str, dir: &Path, default: &str) -> PathBuf {
        self.value(key, dir.join(default), |text| values::path(text, dir))
    }

    /// A list of texts that `read` understands.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        default: &[&str],
        read: impl Fn(&str) -> Result<T, Refused>,
    ) -> Vec<T> {
        let Some(value) = self.take(key) else {
            return default.iter().map(|text| read(text).expect("a default is a good value")).collect();
        };
        let DeValue::Array(array) = value.get_ref() else {
            self.refuse(key, value.get_ref(), "write a list: [\"one\", \"two\"], or [] for none");
            return Vec::new();
        };
        let mut list = Vec::new();
        for entry in array.iter() {
            let text = plain(entry.get_ref());
            match read(&text) {
                Ok(value) => list.push(value),
                Err(cure) => {
                    self.places.insert(key, entry.span());
                    self.refuse(key, entry.get_ref(), &cure);
                }
            }
        }
        list
    }

    /// Every key that is left, with its value as text; `names` are the keys there are.
    pub(super) fn rest(
        &mut self,
        names: impl Iterator<Item = &'static str>,
        read: impl Fn(&str, &str) -> Result<String, Refused>,
    ) -> BTreeMap<String, String> {
        self.asked.extend(names);
        let mut read_ones = BTreeMap::new();
        for name in self.asked.clone() {
            let Some(value) = self.take(name) else { continue };
            let text =
                value.get_ref().as_bool().map_or_else(|| plain(value.get_ref()), |flag| u8::from(flag).to_string());
            match read(name, &text) {
                Ok(text) => drop(read_ones.insert(name.to_owned(), text)),
                Err(cure) => self.refuse(name, value.get_ref(), &cure),
            }
        }
        read_ones
    }

    /// Sections inside a section under names of the operator's choosing, `[packs.options.nokia-mfe]`: of each the name, as
    /// `name` reads it, and its entries. `a.b = 1` and `"a.b" = 1` are the same.
    pub(super) fn named<V>(
        &mut self,
        key: &'static str,
        name: impl Fn(&str) -> Result<String, Refused>,
        read: impl Fn(&str, &DeValue<'_>) -> Result<V, Mistake>,
    ) -> BTreeMap<String, BTreeMap<String, V>> {
        let Self { source, prefix, table, .. } = self.section(key);
        let mut named = BTreeMap::new();
        for (given, value) in table {
            let wrong = |what: String, cure: &str| source.report(Some(given.span()), Severity::Error, what, cure);
            let place = format!("{prefix}{}", cut(given.get_ref()));
            let DeValue::Table(entries) = value.into_inner() else {
                wrong(format!("{place} is not a section"), &format!("write [{place}] on a line of its own"));
                continue;
            };
            match name(given.get_ref()) {
                Ok(name) if named.contains_key(&name) => {
                    wrong(format!("{place} is there twice, in two spellings"), "put both into one section");
                }
                Ok(name) => drop(named.insert(name, source.entries(&place, entries, &read))),
                Err(cure) => wrong(format!("{place} cannot be the name of a section"), &cure),
            }
        }
        named
    }

    /// Reports a key whose value cannot stand.
    pub(super) fn wrong(&self, key: &str, what: String, cure: impl Into<String>) {
        self.say(key, Severity::Error, what, cure);
    }

    /// Reports a key whose value can stand, with a warning.
    pub(super) fn warn(&self, key: &str, what: String, cure: impl Into<String>) {
        self.say(key, Severity::Warning, format!("{}{key}: {what}", self.prefix), cure);
    }

    /// Reports a key that must be there.
    pub(super) fn missing(&self, key: &str, cure: impl Into<String>) {
        self.source.report_line(self.line, Severity::Error, format!("{}{key} is missing", self.prefix), cure);
    }

    /// Reports what nobody asked for.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let name = key.get_ref();
            let what = format!("there is no key {:?} {}", cut(name), place(&self.prefix));
            let cure = match nearest(name, &self.asked) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("the keys there are: {}", self.asked.join(", ")),
            };
            self.source.report(Some(key.span()), Severity::Error, what, cure);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'a>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let (name, value) = self.table.remove_entry(key)?;
        self.places.insert(key, name.span());
        Some(value)
    }

    fn refuse(&self, key: &str, value: &DeValue<'_>, cure: &str) {
        self.wrong(key, format!("{}{key} cannot be {}", self.prefix, shown(value)), cure);
    }

    fn say(&self, key: &str, severity: Severity, what: String, cure: impl Into<String>) {
        let line = self.places.get(key).map(|span| self.source.line(span.start)).or(self.line);
        self.source.report_line(line, severity, what, cure);
    }
}

pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A single value as text, without quotes.
fn plain(value: &DeValue<'_>) -> String {
    let text = value.as_str().or_else(|| value.as_integer().map(|number| number.as_str()));
    text.map_or_else(|| shown(value), str::to_owned)
}

/// A value for people: as it would be written, cut.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{:?}", cut(text)),
        DeValue::Integer(number) => cut(number.as_str()).to_owned(),
        DeValue::Float(number) => cut(number.as_str()).to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a section".to_owned(),
    }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(at, _)| &text[..at])
}

fn place(prefix: &str) -> String {
    match prefix.strip_suffix('.') {
        None => "at the top of the file".to_owned(),
        Some(section) => format!("in [{section}]"),
    }
}

/// The name that looks most like `name`, if one does.
pub(super) fn nearest<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    let distance = |other: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    let best = names.iter().min_by_key(|other| distance(other))?;
    (distance(best) <= 1 + best.len() / 4).then_some(*best)
}
