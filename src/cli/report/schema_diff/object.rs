//! An object that differs, line by line.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::value::{self, INLINE_MAX, inline, sorted};
use super::{Extent, Row, Sign, words};
use crate::schema::ObjectId;
use crate::schema::diff::Change;
use crate::schema::name::visible;

/// All lines, the first one with its name; `changes` are all of this object.
pub(super) fn rows(id: &ObjectId, changes: &[&Change], extent: Extent) -> Vec<Row> {
    let mut page = Page {
        rows: Vec::new(),
        extent,
    };
    if let [whole] = changes
        && whole.path.is_empty()
    {
        let (sign, attributes) = match (&whole.before, &whole.after) {
            (Some(before), _) => (Sign::Gone, before),
            (None, Some(after)) => (Sign::New, after),
            (None, None) => return Vec::new(),
        };
        page.row(sign, 0, id.to_string());
        if let Value::Object(attributes) = attributes {
            page.attributes(sign, 1, attributes);
        }
    } else {
        page.row(Sign::Same, 0, id.to_string());
        page.within(1, 0, changes);
    }
    page.rows
}

struct Page {
    rows: Vec<Row>,
    extent: Extent,
}

impl Page {
    fn row(&mut self, sign: Sign, indent: usize, text: impl Into<String>) {
        self.rows.push(Row::new(sign, indent, text));
    }

    /// Changes within an object or a part, `depth` keys deep.
    fn within(&mut self, indent: usize, depth: usize, changes: &[&Change]) {
        let mut groups: Vec<_> = grouped(changes, depth).into_iter().collect();
        groups.sort_by_key(|(attribute, _)| words::rank(attribute));
        for (attribute, changes) in groups {
            let here = depth + 1;
            match changes.as_slice() {
                [change] if change.path.len() == here => {
                    let label = visible(&words::label(attribute)).into_owned();
                    let [before, after] = [&change.before, &change.after];
                    self.change(indent, attribute, &label, before.as_ref(), after.as_ref());
                }
                changes => self.collection(indent, here, attribute, changes),
            }
        }
    }

    /// Changes of parts: those that are gone and those that are new come first.
    fn collection(&mut self, indent: usize, depth: usize, collection: &str, changes: &[&Change]) {
        let here = depth + 1;
        let mut groups: Vec<_> = grouped(changes, depth).into_iter().collect();
        groups.sort_by_key(|(_, changes)| match changes.as_slice() {
            [change] if change.path.len() == here => match (&change.before, &change.after) {
                (_, None) => Sign::Gone,
                (None, _) => Sign::New,
                _ => Sign::Same,
            },
            _ => Sign::Same,
        });
        for (name, changes) in groups {
            let label = words::part(collection, name);
            match changes.as_slice() {
                [change] if change.path.len() == here => match (&change.before, &change.after) {
                    (Some(Value::Object(map)), None) => {
                        self.part(Sign::Gone, indent, collection, &label, map);
                    }
                    (None, Some(Value::Object(map))) => {
                        self.part(Sign::New, indent, collection, &label, map);
                    }
                    (before, after) => {
                        self.change(indent, collection, &label, before.as_ref(), after.as_ref());
                    }
                },
                changes => {
                    self.row(Sign::Same, indent, label);
                    self.within(indent + 1, here, changes);
                }
            }
        }
    }

    /// An attribute with its two sides.
    fn change(
        &mut self,
        indent: usize,
        attribute: &str,
        label: &str,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        let is_text = |value: &str| value.contains('\n');
        let compared = match (before, after) {
            (Some(Value::String(before)), Some(Value::String(after)))
                if is_text(before) || is_text(after) =>
            {
                value::texts(before, after)
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                value::lists(before, after, words::is_set(attribute))
            }
            (Some(before), Some(after)) => {
                if let Some(pair) = value::pair(label, before, after) {
                    let [before, after] = match self.extent {
                        Extent::Short => value::elided(pair),
                        Extent::Full => pair,
                    };
                    self.row(Sign::Gone, indent, before);
                    self.row(Sign::New, indent, after);
                } else {
                    self.attribute(Sign::Gone, indent, label, before);
                    self.attribute(Sign::New, indent, label, after);
                }
                return;
            }
            (before, after) => {
                for (sign, side) in [(Sign::Gone, before), (Sign::New, after)] {
                    if let Some(value) = side {
                        self.attribute(sign, indent, label, value);
                    }
                }
                return;
            }
        };
        self.row(Sign::Same, indent, label);
        for (sign, line) in compared {
            self.row(sign, indent + 1, line);
        }
    }

    /// All of what one side has: an object or a part.
    fn attributes(&mut self, sign: Sign, indent: usize, attributes: &Map<String, Value>) {
        for (attribute, value) in sorted(attributes) {
            if let Value::Object(parts) = value {
                for (name, value) in in_position(parts) {
                    let label = words::part(attribute, name);
                    match value {
                        Value::Object(map) => self.part(sign, indent, attribute, &label, map),
                        value => self.attribute(sign, indent, &label, value),
                    }
                }
            } else {
                let label = visible(&words::label(attribute)).into_owned();
                self.attribute(sign, indent, &label, value);
            }
        }
    }

    /// An attribute of what one side has.
    fn attribute(&mut self, sign: Sign, indent: usize, label: &str, value: &Value) {
        match value::phrase(label, value) {
            Some(phrase) if value.is_string() || phrase.chars().count() <= INLINE_MAX => {
                self.row(sign, indent, phrase);
            }
            _ => {
                self.row(sign, indent, label);
                for line in value::lines(value) {
                    self.row(sign, indent + 1, line);
                }
            }
        }
    }

    /// A part that one side has: on a line if it fits.
    fn part(
        &mut self,
        sign: Sign,
        indent: usize,
        collection: &str,
        label: &str,
        attributes: &Map<String, Value>,
    ) {
        let summary = if collection == "columns" {
            column(attributes)
        } else {
            defined(attributes)
        };
        match summary {
            Some(summary) if summary.is_empty() => self.row(sign, indent, label),
            Some(summary) if summary.chars().count() <= INLINE_MAX => {
                self.row(sign, indent, format!("{label}: {summary}"));
            }
            _ => {
                self.row(sign, indent, label);
                self.attributes(sign, indent + 1, attributes);
            }
        }
    }
}

/// By the key at `depth`.
fn grouped<'a>(changes: &[&'a Change], depth: usize) -> BTreeMap<&'a str, Vec<&'a Change>> {
    let mut groups: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        if let Some(key) = change.path.get(depth) {
            groups.entry(key).or_default().push(change);
        }
    }
    groups
}

/// Parts as they stand in the table, where they have positions.
fn in_position(parts: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut parts: Vec<_> = parts.iter().collect();
    parts.sort_by_key(|(_, part)| part.get("position").and_then(Value::as_u64));
    parts
}

/// `integer not null default 1`, then what is rare; as in CREATE TABLE.
fn column(attributes: &Map<String, Value>) -> Option<String> {
    let get = |attribute: &str| attributes.get(attribute).and_then(inline);
    let mut words: Vec<String> = get("type").into_iter().collect();
    words.extend(get("collation").map(|collation| format!("collate {collation}")));
    if attributes.get("not_null") == Some(&Value::Bool(true)) {
        words.push("not null".to_owned());
    }
    words.extend(get("default").map(|default| format!("default {default}")));
    words.extend(get("identity").map(|identity| format!("generated {identity} as identity")));
    if let (Some(generated), Some(expression)) = (get("generated"), get("expression")) {
        words.push(format!("generated always as ({expression}) {generated}"));
    }
    let used = [
        "type",
        "collation",
        "default",
        "identity",
        "generated",
        "expression",
        "position",
    ];
    let is_used = |attribute: &str| {
        used.contains(&attribute)
            || attribute == "not_null" && attributes[attribute] == Value::Bool(true)
    };
    // One that takes several lines would be lost.
    let has_lines = attributes.values().any(|value| inline(value).is_none());
    if has_lines {
        return None;
    }
    joined(words.join(" "), attributes, is_used)
}

/// What defines it, then the rest.
fn defined(attributes: &Map<String, Value>) -> Option<String> {
    let definition = match attributes.get("definition") {
        Some(definition) => inline(definition)?,
        None => String::new(),
    };
    joined(definition, attributes, |attribute| {
        attribute == "definition"
    })
}

fn joined(
    begin: String,
    attributes: &Map<String, Value>,
    is_used: impl Fn(&str) -> bool,
) -> Option<String> {
    let rest = value::phrases(attributes, |attribute| !is_used(attribute))?;
    Some(match (begin.is_empty(), rest.is_empty()) {
        (_, true) => begin,
        (true, false) => rest,
        (false, false) => format!("{begin}, {rest}"),
    })
}
