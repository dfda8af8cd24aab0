//! Values as words on a line, or as lines.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use super::{Sign, words};
use crate::schema::name::visible;

/// Widest value that shares a line with its name, in characters.
pub(super) const INLINE_MAX: usize = 100;

/// On one line; `None` if it has several.
pub(super) fn inline(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.contains('\n') => None,
        Value::String(text) => Some(plain(text)),
        Value::Array(values) => {
            let values: Option<Vec<_>> = values.iter().map(element).collect();
            let values = values?;
            Some(if values.is_empty() {
                "none".to_owned()
            } else {
                values.join(", ")
            })
        }
        Value::Object(map) => phrases(map, |_| true),
        scalar => Some(scalar.to_string()),
    }
}

/// A string as it is, where that is clear.
fn plain(text: &str) -> String {
    if text.is_empty() || text.trim() != text {
        json(&Value::from(text))
    } else {
        visible(text).into_owned()
    }
}

/// Of a list: one with a comma of its own is put in quotes.
fn element(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.contains(", ") => Some(json(value)),
        Value::Array(_) | Value::Object(_) => Some(json(value)),
        value => inline(value),
    }
}

pub(super) fn json(value: &Value) -> String {
    visible(&value.to_string()).into_owned()
}

/// The attributes that `is_wanted`, on one line.
pub(super) fn phrases(
    map: &Map<String, Value>,
    is_wanted: impl Fn(&str) -> bool,
) -> Option<String> {
    let attributes = sorted(map).into_iter();
    let wanted = attributes.filter(|(attribute, _)| is_wanted(attribute));
    let phrases: Option<Vec<_>> = wanted
        .map(|(attribute, value)| phrase(&words::label(attribute), value))
        .collect();
    Some(phrases?.join(", "))
}

/// Attributes in the order for people.
pub(super) fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut attributes: Vec<_> = map.iter().collect();
    attributes.sort_by_key(|(attribute, _)| words::rank(attribute));
    attributes
}

/// `not null`, `type: integer`; `None` if it takes several lines.
pub(super) fn phrase(label: &str, value: &Value) -> Option<String> {
    match value {
        Value::Bool(true) => Some(label.to_owned()),
        Value::Bool(false) => Some(format!("not {label}")),
        value => Some(format!("{label}: {}", inline(value)?)),
    }
}

/// The two values as lines that differ, where [`inline`] may be the same.
pub(super) fn pair(label: &str, before: &Value, after: &Value) -> Option<[String; 2]> {
    let phrases = [phrase(label, before)?, phrase(label, after)?];
    if phrases[0] == phrases[1] {
        return Some([before, after].map(|value| format!("{label}: {}", json(value))));
    }
    Some(phrases)
}

/// What the value takes when it takes several lines.
pub(super) fn lines(value: &Value) -> Vec<String> {
    match value {
        // Around a function's body there are empty lines.
        Value::String(text) => text_lines(text.trim_matches('\n')),
        Value::Array(values) => values
            .iter()
            .map(|value| element(value).unwrap_or_else(|| json(value)))
            .collect(),
        Value::Object(map) => sorted(map)
            .into_iter()
            .flat_map(|(attribute, value)| {
                let label = words::label(attribute);
                match phrase(&label, value) {
                    Some(phrase) => vec![phrase],
                    None => lines(value),
                }
            })
            .collect(),
        scalar => vec![scalar.to_string()],
    }
}

fn text_lines(text: &str) -> Vec<String> {
    // Line by line, so that what is at the very end counts too.
    let lines = text.split('\n');
    lines.map(|line| visible(line).into_owned()).collect()
}

/// How many lines around a change of a text are shown.
const TEXT_CONTEXT: usize = 3;

/// Two texts, line by line.
pub(super) fn texts(before: &str, after: &str) -> Vec<(Sign, String)> {
    let sides = [before, after].map(text_lines);
    let mut rows = compared(&sides, TEXT_CONTEXT, |line| format!("… line {line}"));
    // The end of the last line is not shown otherwise.
    if let Some((sign, last)) = rows.last_mut()
        && last.is_empty()
        && *sign != Sign::Same
    {
        "(end of line)".clone_into(last);
    }
    mark_space(&mut rows);
    rows
}

/// Makes tabs and space at the end visible in lines that differ in nothing
/// else.
fn mark_space(rows: &mut [(Sign, String)]) {
    let bare = |line: &str| -> String { line.split_whitespace().collect() };
    let of_sign = |wanted: Sign| -> BTreeSet<String> {
        let lines = rows.iter().filter(|(sign, _)| *sign == wanted);
        lines.map(|(_, line)| bare(line)).collect()
    };
    let (gone, new) = (of_sign(Sign::Gone), of_sign(Sign::New));
    for (sign, line) in rows {
        let bare = bare(line);
        if *sign != Sign::Same && gone.contains(&bare) && new.contains(&bare) {
            let end = line.trim_end_matches(' ').len();
            let space = "·".repeat(line.len() - end);
            *line = line[..end].replace('\t', "→") + &space;
        }
    }
}

/// Two lists, element by element.
pub(super) fn lists(before: &[Value], after: &[Value], is_set: bool) -> Vec<(Sign, String)> {
    let shown = |values: &[Value]| {
        let elements = values.iter();
        elements
            .map(|value| element(value).unwrap_or_else(|| json(value)))
            .collect::<Vec<_>>()
    };
    let mut sides = [shown(before), shown(after)];
    if sides[0] == sides[1] {
        sides = [before, after].map(|values| values.iter().map(json).collect());
    }
    compared(&sides, usize::from(!is_set), |_| "…".to_owned())
}

/// What differs, with `context` lines around it, and `gap` (which gets the
/// number of the next line, from 1) for what is left out in between.
fn compared(
    sides: &[Vec<String>; 2],
    context: usize,
    gap: impl Fn(usize) -> String,
) -> Vec<(Sign, String)> {
    let [before, after] = sides;
    let [old, new] = [before, after].map(|side| {
        let side = side.iter().map(String::as_str);
        side.collect::<Vec<_>>()
    });
    let diff = TextDiff::from_slices(&old, &new);
    let all: Vec<_> = diff
        .iter_all_changes()
        .map(|change| {
            let sign = match change.tag() {
                ChangeTag::Delete => Sign::Gone,
                ChangeTag::Insert => Sign::New,
                ChangeTag::Equal => Sign::Same,
            };
            (sign, change.value(), change.new_index())
        })
        .collect();
    let mut shown = vec![false; all.len()];
    for (index, (sign, ..)) in all.iter().enumerate() {
        if *sign != Sign::Same {
            let end = (index + context + 1).min(all.len());
            shown[index.saturating_sub(context)..end].fill(true);
        }
    }
    // To leave out a single one saves nothing.
    for index in 0..shown.len() {
        let is_shown = |index: Option<usize>| index.and_then(|index| shown.get(index).copied());
        let before = is_shown(index.checked_sub(1));
        if context > 0 && before != Some(false) && is_shown(Some(index + 1)) == Some(true) {
            shown[index] = true;
        }
    }
    let mut rows = Vec::new();
    let mut is_cut = false;
    for ((sign, text, line), is_shown) in all.into_iter().zip(shown) {
        if !is_shown {
            is_cut = true;
            continue;
        }
        if std::mem::take(&mut is_cut) && context > 0 {
            rows.push((Sign::Same, gap(line.map_or(0, |line| line + 1))));
        }
        rows.push((sign, text.to_owned()));
    }
    rows
}

/// Two long lines without most of what they have in common.
pub(super) fn elided([before, after]: [String; 2]) -> [String; 2] {
    let [old, new]: [Vec<char>; 2] = [before, after].map(|side| side.chars().collect());
    if old.len().max(new.len()) <= LINE_MAX {
        return [old, new].map(|side| side.into_iter().collect());
    }
    let pairs = old.iter().zip(&new);
    let head = pairs.take_while(|(old, new)| old == new).count();
    let pairs = old[head..].iter().rev().zip(new[head..].iter().rev());
    let tail = pairs.take_while(|(old, new)| old == new).count();
    [old, new].map(|side| {
        let start = head.saturating_sub(KEPT);
        // The name of the attribute stays.
        let name = side
            .iter()
            .position(|one| *one == ':')
            .map_or(0, |at| at + 2);
        let end = side.len() - tail.saturating_sub(KEPT);
        let mut text = String::new();
        if start > name {
            text.extend(&side[..name]);
            text.push('…');
            text.extend(&side[start..end]);
        } else {
            text.extend(&side[..end]);
        }
        if end < side.len() {
            text.push('…');
        }
        text
    })
}

/// Longest line of which nothing is left out, in characters.
const LINE_MAX: usize = 160;

/// How much of what two lines have in common is kept, in characters.
const KEPT: usize = 40;
