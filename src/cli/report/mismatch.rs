//! What a check of the schema gave → lines for people.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::line::{Line, Tone};
use super::phrase::count;
use super::schema_diff;
use crate::apply::check::{Mismatch, Stage};
use crate::apply::human;
use crate::migration::Name;
use crate::schema::{Diff, ObjectId};
use crate::verify::Blind;

/// The schema is not as expected.
pub(crate) fn mismatched(mismatch: &Mismatch, goes_on: bool) -> Vec<Line> {
    let tone = if goes_on { Tone::Notable } else { Tone::Failed };
    let mut lines = Vec::new();
    if !mismatch.difference.is_empty() {
        let what = match mismatch.stage {
            Stage::Tail => "after the tail the schema is not as expected",
            Stage::Batch | Stage::Asked => "the schema is not as expected",
        };
        let goes_on = if goes_on {
            "; going on, as `--on-mismatch warn` says"
        } else {
            ""
        };
        lines.push(Line::new(
            tone,
            "Mismatch",
            with_diff(&format!("{what}{goes_on}"), &mismatch.difference),
        ));
    }
    if !mismatch.before.is_empty() {
        let what = "not as expected, but it was so before this run";
        lines.push(Line::new(
            tone,
            "Mismatch",
            with_diff(what, &mismatch.before),
        ));
    }
    lines.extend(mismatch.interference.iter().map(|(name, concurrent)| {
        let text = format!(
            "`{name}` has an earlier name than `{concurrent}`, which is not done and changes the same; give it a later one"
        );
        Line::notable("Interferes", text)
    }));
    lines
}

/// Somebody has changed the schema since the last deployment.
pub(crate) fn drift(since: i64, difference: &Diff) -> Line {
    let what =
        format!("since deployment {since} was settled, the schema was changed by other means");
    Line::notable("Drift", with_diff(&what, difference))
}

/// The schema is as expected.
pub(crate) fn verified(
    stage: Stage,
    duration: Duration,
    half_way: &BTreeMap<Name, BTreeSet<ObjectId>>,
    blind: &[Blind],
    unused_rules: &[String],
) -> Vec<Line> {
    let what = match stage {
        Stage::Batch | Stage::Asked => "the schema is as expected",
        Stage::Tail => "after the tail the schema is as expected",
    };
    let mut lines = vec![Line::done(
        "Verified",
        format!("{what} ({})", human(&duration)),
    )];
    lines.extend(beside(half_way, blind, unused_rules));
    lines
}

/// What has to be known of a check, whatever it gave.
pub(crate) fn beside(
    half_way: &BTreeMap<Name, BTreeSet<ObjectId>>,
    blind: &[Blind],
    unused_rules: &[String],
) -> Vec<Line> {
    let mut lines: Vec<Line> = half_way
        .iter()
        .map(|(name, objects)| {
            let text = format!("`{name}` is not done, and seen in {}", objects_of(objects));
            Line::notable("Half-way", text)
        })
        .collect();
    lines.extend(blind.iter().map(|blind| {
        let name = &blind.name;
        let why =
            format!("`{name}` is not done and has no schema diff for this version of PostgreSQL");
        let what = if blind.is_total {
            "nothing can be told".to_owned()
        } else if blind.objects.is_empty() {
            "what it changes".to_owned()
        } else {
            objects_of(&blind.objects)
        };
        Line::notable("Not verified", format!("{what}: {why}"))
    }));
    lines.extend(unused_rules.iter().map(|rule| {
        let text = format!("`{rule}` in `[schema]` of segue.toml matches nothing");
        Line::notable("Note", text)
    }));
    lines
}

fn with_diff(what: &str, difference: &Diff) -> String {
    format!("{what}:\n{}", schema_diff::text(difference).trim_end())
}

/// The first few of them.
fn objects_of(objects: &BTreeSet<ObjectId>) -> String {
    const SHOWN_MAX: usize = 5;
    let mut shown: Vec<String> = objects
        .iter()
        .take(SHOWN_MAX)
        .map(ToString::to_string)
        .collect();
    if objects.len() > SHOWN_MAX {
        shown.push(count(objects.len() - SHOWN_MAX, "more object"));
    }
    shown.join(", ")
}
