//! What a check of the schema gave → lines for people.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::line::{Line, Tone};
use super::phrase::count;
use super::schema_diff::Sides;
use crate::apply::check::Stage;
use crate::apply::human;
use crate::migration::Name;
use crate::schema::ObjectId;
use crate::verify::Blind;

/// What was expected, and what is.
pub(crate) const EXPECTED: Sides<'_> = Sides {
    before: "expected",
    after: "live",
};

/// What the last settled deployment had left, and what is.
pub(crate) const SETTLED: Sides<'_> = Sides {
    before: "settled",
    after: "live",
};

/// Heads the differences that are this run's.
pub(crate) fn mismatched(stage: Stage, goes_on: bool) -> Line {
    let what = match stage {
        Stage::Tail => "after the tail the schema is not as expected",
        Stage::Batch | Stage::Asked => "the schema is not as expected",
        Stage::Reverted => "the schema is not the one from before",
    };
    let goes_on = if goes_on {
        "; going on all the same"
    } else {
        ""
    };
    Line::new(
        tone(!goes_on.is_empty()),
        "Mismatch",
        format!("{what}{goes_on}"),
    )
}

/// Heads the differences that were there before this run.
pub(crate) fn before(goes_on: bool) -> Line {
    let text = "not as expected, but it was so before this run";
    Line::new(tone(goes_on), "Mismatch", text)
}

fn tone(goes_on: bool) -> Tone {
    if goes_on { Tone::Notable } else { Tone::Failed }
}

/// Migrations that may be the reason.
pub(crate) fn interference(pairs: &[(Name, Name)]) -> Vec<Line> {
    let lines = pairs.iter().map(|(name, concurrent)| {
        let text = format!(
            "`{name}` has an earlier name than `{concurrent}`, which is not done and changes the same; give it a later one"
        );
        Line::notable("Interferes", text)
    });
    lines.collect()
}

/// Heads what somebody has changed since the last deployment.
pub(crate) fn drift(since: i64) -> Line {
    let text =
        format!("since deployment {since} was settled, the schema was changed by other means");
    Line::notable("Drift", text)
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
        Stage::Reverted => "the schema is the one from before",
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
