//! Who serves whom: the scores of matchers, as `describe.wit` says.

use easel_pack::Manifest;
use easel_pack::describe::Matcher;
use easel_pack::profile::Facts;
use regex::{Regex, RegexBuilder};

/// Below this score only the pack named `default` is chosen.
const ENOUGH: u32 = 20;

/// The best score of a description for a device, none where nothing matches.
pub fn score(manifest: &Manifest, facts: &Facts) -> Option<u32> {
    manifest.matchers.iter().filter_map(|matcher| of_matcher(matcher, facts)).max()
}

/// Which of several descriptions serves a device.
pub fn chosen<'a>(manifests: &'a [Manifest], facts: &Facts) -> Option<&'a Manifest> {
    let scored = manifests.iter().filter_map(|manifest| Some((score(manifest, facts)?, manifest)));
    let good = scored.filter(|(score, _)| *score >= ENOUGH);
    let best = good.max_by_key(|(score, manifest)| (*score, manifest.priority, std::cmp::Reverse(&manifest.id)));
    best.map(|(_, manifest)| manifest).or_else(|| manifests.iter().find(|manifest| manifest.id == "default"))
}

/// Every pattern of a description.
pub(crate) fn patterns(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.matchers.iter().flat_map(|matcher| {
        let header = matcher.header.as_ref().map_or("", |header| header.pattern.as_str());
        let fields = [&matcher.device_id, &matcher.user_agent, &matcher.device_type, &matcher.os, &matcher.model];
        fields.into_iter().map(String::as_str).chain([header]).filter(|pattern| !pattern.is_empty())
    })
}

pub(crate) fn regex(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > 256 {
        return Err(format!("pattern {pattern:?} has more than 256 bytes"));
    }
    RegexBuilder::new(pattern).case_insensitive(true).build().map_err(|error| error.to_string())
}

fn of_matcher(matcher: &Matcher, facts: &Facts) -> Option<u32> {
    let found = |pattern: &str, text: &str| regex(pattern).is_ok_and(|regex| regex.is_match(text));
    let one = |pattern: &str, text: &str, points: u32| match pattern {
        "" => Some(0),
        pattern => found(pattern, text).then_some(points),
    };
    let agent = match matcher.user_agent.as_str() {
        "" => 0,
        pattern => facts.user_agents.iter().any(|agent| found(pattern, agent)).then_some(30)?,
    };
    let os = one(&matcher.os, &facts.os, 20)?.max(one(&matcher.model, &facts.model, 20)?);
    let header = match &matcher.header {
        None => 0,
        Some(header) => {
            let mut said = facts.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&header.name));
            said.any(|(_, value)| found(&header.pattern, value)).then_some(10)?
        }
    };
    let (min, max) = (matcher.protocol_min, matcher.protocol_max);
    let fits = (min == 0 || facts.protocol >= min) && (max == 0 || facts.protocol <= max);
    let device = one(&matcher.device_id, &facts.device_id, 40)? + one(&matcher.device_type, &facts.device_type, 20)?;
    fits.then_some(device + agent + os + header)
}
