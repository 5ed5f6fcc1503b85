//! The Recurrence of a task: RRULE, and what only the class knows.
//!
//! MS-ASTASK 2.2.2.18 "Recurrence". Start is the beginning of the pattern, which stays when the dates of the task move
//! on. Regenerate counts the next task from completion. DeadOccur marks one finished occurrence that is left of a
//! series: its rule is kept aside, so that nobody repeats it.

use easel_protocol::{Version, compact, parse_date_time, punctuated};
use easel_wbxml::pages::tasks as t;
use easel_wbxml::{Element, Node};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::dates::{self, Clocks, Moment};
use crate::lines::{Component, Line};
use crate::recurrence::{Pattern, Rule, TASKS, Until};
use crate::{Ghosting, ItemError, View};

const START: &str = "X-EASEL-RECURRENCE-START";
const REGENERATE: &str = "X-EASEL-REGENERATE";
const DEAD: &str = "X-EASEL-DEAD-OCCUR";
const DEAD_RULE: &str = "X-EASEL-DEAD-RRULE";

/// What a Recurrence of a task says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Series {
    pattern: Pattern,
    start: Moment,
    regenerate: bool,
    dead: u8,
}

/// The element; none for a task that does not recur, and for a rule that no pattern says.
pub(super) fn element(task: &Component, clocks: &Clocks, view: &View<'_>) -> Option<Element> {
    stored(task, clocks, view).and_then(|series| series.to_element(clocks, view))
}

/// Merges what a device said; `known` is the task as the device knew it. Answers whether the series is another.
pub(super) fn apply(
    task: &mut Component,
    data: &Element,
    ghosting: &Ghosting,
    known: Option<(&Component, &Clocks)>,
    clocks: &Clocks,
    view: &View<'_>,
) -> Result<bool, ItemError> {
    let shown = known.and_then(|(task, clocks)| stored(task, clocks, view));
    let sent = match data.child(t::RECURRENCE) {
        Some(element) => Series::read(element, clocks, view)?,
        None if ghosting.keeps(t::RECURRENCE) => return Ok(false),
        None => None,
    };
    let same = match (&sent, &shown) {
        (None, None) => true,
        (Some(sent), Some(shown)) => sent.says_the_same(shown),
        (Some(_), None) | (None, Some(_)) => false,
    };
    if !same {
        for name in ["RRULE", DEAD_RULE, START, REGENERATE, DEAD] {
            if sent.is_none() || name != "RRULE" {
                task.remove(name);
            }
        }
        if let Some(series) = sent {
            series.write(task, clocks, view);
        }
    }
    Ok(!same)
}

/// See [`dates::imply`].
pub(super) fn imply_start(task: &mut Component) {
    let begun = task.line(START).cloned();
    dates::imply(task, begun.as_ref());
}

fn stored(task: &Component, clocks: &Clocks, view: &View<'_>) -> Option<Series> {
    let rule = Rule::of_line(task.line(DEAD_RULE).or_else(|| task.line("RRULE"))?).ok()?;
    let begun = task.line(START).and_then(|line| clocks.moment(line));
    let start = begun.or_else(|| dates::start(task, clocks)).or_else(|| dates::due(task, clocks))?;
    let say = |local: DateTime| tell(local, clocks, view).unwrap_or(Timestamp::MAX);
    let pattern = rule.to_pattern(clocks.local(start), &clocks.owner, view.version, say).ok()?;
    let number = |name: &str| task.line(name).and_then(|line| line.value.trim().parse::<u8>().ok()).unwrap_or(0);
    Some(Series { pattern, start, regenerate: number(REGENERATE) == 1, dead: number(DEAD) })
}

/// K: G14. A date inside Recurrence is a moment up to 14.x and the numbers on the clock from 16.0.
fn tell(local: DateTime, clocks: &Clocks, view: &View<'_>) -> Option<Timestamp> {
    let zone = if view.version >= Version::V16_0 { TimeZone::UTC } else { clocks.owner.clone() };
    local.to_zoned(zone).ok().map(|at| at.timestamp())
}

/// The same backwards: the numbers on the clock.
fn told(at: Timestamp, clocks: &Clocks, view: &View<'_>) -> DateTime {
    let zone = if view.version >= Version::V16_0 { &TimeZone::UTC } else { &clocks.owner };
    zone.to_datetime(at)
}

impl Series {
    /// `None` for an empty element. Type and Start are required.
    fn read(element: &Element, clocks: &Clocks, view: &View<'_>) -> Result<Option<Self>, ItemError> {
        let Some(pattern) = Pattern::read(element, &TASKS)? else { return Ok(None) };
        let start = element.text_of(t::START).and_then(|text| parse_date_time(&text).ok());
        let start = start.and_then(|at| clocks.of_local(told(at, clocks, view)));
        let start = start.ok_or(ItemError::Rule { element: "Start", reason: "missing" })?;
        let number = |tag| element.text_of(tag).and_then(|text| text.trim().parse::<u8>().ok()).unwrap_or(0);
        Ok(Some(Self { pattern, start, regenerate: number(t::REGENERATE) == 1, dead: number(t::DEAD_OCCUR) }))
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let Self { pattern, start, regenerate, dead } = self;
        pattern.says_the_same(&other.pattern)
            && (*start, *regenerate, *dead) == (other.start, other.regenerate, other.dead)
    }

    fn to_element(&self, clocks: &Clocks, view: &View<'_>) -> Option<Element> {
        let mut element = self.pattern.to_element(&TASKS, view.version, punctuated);
        let start = tell(clocks.local(self.start), clocks, view)?;
        element.content.insert(1, Node::Element(Element::text(t::START, punctuated(start))));
        // K: G22. Numbers are said, also when they are 0.
        element.push(Element::boolean(t::REGENERATE, self.regenerate));
        element.push(Element::number(t::DEAD_OCCUR, self.dead));
        Some(element)
    }

    fn write(&self, task: &mut Component, clocks: &Clocks, view: &View<'_>) {
        let by_day = matches!(self.start, Moment::Day(_));
        let until = |at: Timestamp| {
            let local = told(at, clocks, view);
            match local.to_zoned(clocks.owner.clone()) {
                Ok(moment) if !by_day => Until::Utc(moment.timestamp()),
                Ok(_) | Err(_) => Until::Date(local.date()),
            }
        };
        let mut line = self.pattern.to_rule(clocks.local(self.start), until).to_line();
        if self.dead == 0 {
            task.set(line);
        } else {
            task.remove("RRULE");
            DEAD_RULE.clone_into(&mut line.name);
            task.set(line);
            task.set(Line::new(DEAD, self.dead.to_string()));
        }
        if self.regenerate {
            task.set(Line::new(REGENERATE, "1"));
        }
        if dates::start(task, clocks) != Some(self.start) {
            task.set(match self.start {
                Moment::Day(date) => Line::new(START, date.strftime("%Y%m%d").to_string()).with("VALUE", "DATE"),
                Moment::At(at) => Line::new(START, compact(at)),
            });
        }
    }
}
