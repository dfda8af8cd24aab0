//! A [`Diff`] as text for people: like a unified diff, signs in the first
//! column, so that it reads well in a terminal and in a comment on a pull
//! request.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style as Ansi};
use serde_json::{Value, json};

use super::phrase::{count, thousands};
use crate::diagnostic::render::Style;
use crate::schema::ObjectId;
use crate::schema::diff::{Change, Diff};

mod object;
mod value;
mod words;

/// What the two sides of a diff are called: `expected` and `live`, for example.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides<'a> {
    pub(crate) before: &'a str,
    pub(crate) after: &'a str,
}

/// How much of it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What fits on a few screens.
    Short,
    /// Everything.
    Full,
}

/// Most objects that [`Extent::Short`] shows.
const OBJECTS_MAX: usize = 20;

/// Most lines for an object that differs.
const CHANGED_LINES_MAX: usize = 60;

/// Most lines for an object that one side lacks.
const WHOLE_LINES_MAX: usize = 12;

/// Which side a line is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Gone,
    New,
    Same,
}

/// A line.
#[derive(Debug)]
struct Row {
    sign: Sign,
    indent: usize,
    text: String,
}

impl Row {
    fn new(sign: Sign, indent: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { sign, indent, text }
    }

    /// With a line end.
    fn draw(&self, style: Style, text: &mut String) {
        let ansi = match self.sign {
            Sign::Gone => AnsiColor::Red.on_default(),
            Sign::New => AnsiColor::Green.on_default(),
            Sign::Same => Ansi::new(),
        };
        let ansi = if self.indent == 0 { ansi.bold() } else { ansi };
        let sign = match self.sign {
            Sign::Gone => '-',
            Sign::New => '+',
            Sign::Same => ' ',
        };
        let (indent, line) = (self.indent * 2, &self.text);
        let drawn = format!("{sign} {:indent$}{line}", "");
        let drawn = drawn.trim_end();
        // Writing into a string cannot fail, here and below.
        let _ = match style {
            Style::Plain => writeln!(text, "{drawn}"),
            Style::Colour => writeln!(text, "{ansi}{drawn}{ansi:#}"),
        };
    }
}

/// The whole of it, with a line end; nothing if there is no difference.
///
/// Objects that one side lacks come first, then what differs, comments and
/// owners alone last; in each of these by kind.
pub(crate) fn text(diff: &Diff, sides: Sides<'_>, extent: Extent, style: Style) -> String {
    let mut text = String::new();
    if diff.is_empty() {
        return text;
    }
    let mut objects: BTreeMap<&ObjectId, Vec<&Change>> = BTreeMap::new();
    for change in diff.changes() {
        objects.entry(&change.object).or_default().push(change);
    }
    let mut objects: Vec<_> = objects.into_iter().collect();
    objects.sort_by_key(|(id, changes)| (Order::of(changes), id.kind));
    let all = objects.len();
    let of_order = |wanted: Order| {
        let orders = objects.iter().map(|(_, changes)| Order::of(changes));
        orders.filter(|order| *order == wanted).count()
    };
    let (gone, new) = (of_order(Order::Gone), of_order(Order::New));

    let names = [(Sign::Gone, sides.before), (Sign::New, sides.after)];
    for (sign, name) in names {
        let ansi = match sign {
            Sign::Gone => AnsiColor::Red.on_default().bold(),
            _ => AnsiColor::Green.on_default().bold(),
        };
        let marks = if sign == Sign::Gone { "---" } else { "+++" };
        let _ = match style {
            Style::Plain => writeln!(text, "{marks} {name}"),
            Style::Colour => writeln!(text, "{ansi}{marks} {name}{ansi:#}"),
        };
    }
    // To leave out a single one saves nothing.
    let shown = match extent {
        Extent::Short if all > OBJECTS_MAX + 1 => OBJECTS_MAX,
        _ => all,
    };
    for (id, changes) in &objects[..shown] {
        text.push('\n');
        let mut rows = object::rows(id, changes, extent);
        if extent == Extent::Short {
            shorten(&mut rows);
        }
        for row in rows {
            row.draw(style, &mut text);
        }
    }
    if shown < all {
        let _ = writeln!(
            text,
            "\n  … and {} more; `--verbose` shows everything",
            count(all - shown, "object")
        );
    }
    let differ = if all == 1 { "differs" } else { "differ" };
    let _ = write!(text, "\n{} {differ}", count(all, "object"));
    let parts = [
        (gone, format!("only in {}", sides.before)),
        (new, format!("only in {}", sides.after)),
        (all - gone - new, "changed".to_owned()),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<_> = parts
        .map(|(number, what)| format!("{} {what}", thousands(*number as u64)))
        .collect();
    // Of a single one, or of those that all changed, that is seen.
    if all > 1 && gone + new > 0 {
        let _ = write!(text, ": {}", parts.join(", "));
    }
    text.push('\n');
    text
}

/// What matters more comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Gone,
    New,
    Changed,
    /// In what changes nothing for those who use it.
    Remarked,
}

impl Order {
    fn of(changes: &[&Change]) -> Self {
        match changes {
            [whole] if whole.path.is_empty() => match whole.after {
                None => Self::Gone,
                Some(_) => Self::New,
            },
            parts if parts.iter().all(|part| words::is_remark(part.path.last())) => Self::Remarked,
            _ => Self::Changed,
        }
    }
}

/// Leaves out what is too much of an object.
fn shorten(rows: &mut Vec<Row>) {
    let Some(first) = rows.first() else { return };
    let max = match first.sign {
        Sign::Same => CHANGED_LINES_MAX,
        Sign::Gone | Sign::New => WHOLE_LINES_MAX,
    };
    let more = rows.len().saturating_sub(max);
    if more > 1 {
        let sign = first.sign;
        rows.truncate(max);
        let text = format!("… {}", count(more, "more line"));
        rows.push(Row::new(sign, 1, text));
    }
}

/// The diff for programs, by `docs/json/schema-diff.schema.json`, but for its
/// version.
pub(crate) fn json(diff: &Diff, sides: Sides<'_>) -> Value {
    let changes = diff.changes().iter().map(|change| {
        let ObjectId {
            namespace,
            kind,
            name,
        } = &change.object;
        let mut json = json!({
            "object": { "namespace": namespace, "kind": kind.as_str(), "name": name },
            "path": change.path,
        });
        for (key, side) in [("before", &change.before), ("after", &change.after)] {
            if let Some(side) = side {
                json[key] = side.clone();
            }
        }
        json
    });
    json!({
        "before": sides.before,
        "after": sides.after,
        "objects": diff.objects().len(),
        "changes": changes.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
