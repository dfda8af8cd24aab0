//! The block as `segue add` writes it, and its place in a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use serde_json::Value;

use super::super::comment::{Comment, Item, line_comment};
use super::super::lexer::{Kind as TokenKind, tokens};
use super::super::table::{Entry, Kind};
use crate::schema::name::is_unseen;
use crate::schema::{Change, Diff};

const REMARK: &str = "Written by `segue add`, not to be edited: what this migration changes, for each major version of PostgreSQL.";

/// Widest line, in characters with the dashes; a single string may be wider.
const WIDTH: usize = 100;

const INDENT: &str = "  ";

/// `text`, the whole of a migration file, with `parts` as its schema diff: in
/// place of the one that it has, or after its last directive. Without parts the
/// block is taken out.
///
/// Nothing else changes, line ends and checksum included. Of the file's header
/// the parser has to have accepted all but the JSON in the block.
#[must_use]
pub fn with_schema_diff(text: &str, parts: &BTreeMap<u32, Diff>) -> String {
    let place = place(text);
    let line_end = match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    };
    let mut written = text[..place.start].to_owned();
    if !parts.is_empty() {
        let begin = Entry::of(Kind::SchemaDiffBegin).name;
        let end = Entry::of(Kind::SchemaDiffEnd).name;
        let json = json(parts);
        let lines = [format!("segue: {begin}"), REMARK.to_owned()];
        let lines = lines.iter().map(String::as_str).chain(json.lines());
        for line in lines.chain([format!("segue: {end}").as_str()]) {
            written.push_str("-- ");
            written.push_str(line);
            written.push_str(line_end);
        }
    }
    written.push_str(&text[place.end..]);
    written
}

/// Where the block is, its last line end included, or where it belongs.
fn place(text: &str) -> Range<usize> {
    // A file may begin with a mark that stays where it is.
    let top = text
        .strip_prefix('\u{feff}')
        .map_or(0, |_| '\u{feff}'.len_utf8());
    let mut begin = None;
    let mut after = top..top;
    for token in tokens(text) {
        match token.kind {
            TokenKind::Space | TokenKind::BlockComment => {}
            TokenKind::LineComment => {
                let Comment::Directives(items) = line_comment(text, &token.range) else {
                    continue;
                };
                let end = super::line_end(text, &token);
                if names(&items, Kind::SchemaDiffBegin) {
                    begin = Some(super::begin(text, &token).max(top));
                } else if let (true, Some(begin)) = (names(&items, Kind::SchemaDiffEnd), begin) {
                    return begin..end;
                }
                // Behind a last line without an end the block would have to
                // bring one that is not its own.
                if end > token.range.end {
                    after = end..end;
                } else {
                    after = top..top;
                }
            }
            _ => break,
        }
    }
    after
}

fn names(items: &[Item], kind: Kind) -> bool {
    items
        .iter()
        .any(|item| item.name.value == Entry::of(kind).name)
}

fn json(parts: &BTreeMap<u32, Diff>) -> String {
    let mut text = "{\n".to_owned();
    for (index, (major, diff)) in parts.iter().enumerate() {
        let separator = if index == 0 { "" } else { ",\n" };
        write!(text, "{separator}{INDENT}\"{major}\": [").expect("to memory");
        for (index, change) in diff.changes().iter().enumerate() {
            let separator = if index == 0 { "\n" } else { ",\n" };
            text.push_str(separator);
            text.push_str(&INDENT.repeat(2));
            let change = Node::of_change(change);
            change.write(2, 0, &mut text);
        }
        if !diff.is_empty() {
            write!(text, "\n{INDENT}").expect("to memory");
        }
        text.push(']');
    }
    text.push_str("\n}\n");
    text
}

/// JSON with its scalars rendered and its keys in the order wanted.
enum Node {
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    fn of_change(change: &Change) -> Self {
        let json = change.to_json();
        let keys = ["object", "path", "before", "after"];
        let sides = keys.into_iter().filter_map(|key| {
            let value = json.get(key)?;
            Some((quoted(key), Self::new(value)))
        });
        Self::Map(sides.collect())
    }

    fn new(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Scalar(quoted(text)),
            Value::Array(values) => Self::List(values.iter().map(Self::new).collect()),
            Value::Object(map) => {
                let entries = map.iter();
                Self::Map(
                    entries
                        .map(|(key, value)| (quoted(key), Self::new(value)))
                        .collect(),
                )
            }
            scalar => Self::Scalar(scalar.to_string()),
        }
    }

    /// Characters on one line.
    fn width(&self) -> usize {
        match self {
            Self::Scalar(text) => text.chars().count(),
            Self::List(nodes) => 2 + nodes.iter().map(|node| node.width() + 2).sum::<usize>(),
            Self::Map(entries) => {
                let widths = entries.iter();
                2 + widths
                    .map(|(key, node)| key.chars().count() + node.width() + 4)
                    .sum::<usize>()
            }
        }
    }

    /// Writes it where `used` characters of the line are taken behind the
    /// indentation.
    fn write(&self, depth: usize, used: usize, text: &mut String) {
        let dashes = "-- ".len();
        let is_flat = dashes + depth * INDENT.len() + used + self.width() <= WIDTH;
        let (gap, below, close) = if is_flat {
            (" ".to_owned(), depth, String::new())
        } else {
            let line = |depth: usize| format!("\n{}", INDENT.repeat(depth));
            (line(depth + 1), depth + 1, line(depth))
        };
        let open = if is_flat { "" } else { gap.as_str() };
        match self {
            Self::Scalar(scalar) => text.push_str(scalar),
            Self::List(nodes) if nodes.is_empty() => text.push_str("[]"),
            Self::Map(entries) if entries.is_empty() => text.push_str("{}"),
            Self::List(nodes) => {
                text.push('[');
                for (index, node) in nodes.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    text.push_str(if index == 0 { open } else { &gap });
                    node.write(below, 0, text);
                }
                text.push_str(&close);
                text.push(']');
            }
            Self::Map(entries) => {
                text.push('{');
                for (index, (key, node)) in entries.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    text.push_str(if index == 0 { open } else { &gap });
                    write!(text, "{key}: ").expect("to memory");
                    node.write(below, key.chars().count() + 2, text);
                }
                text.push_str(&close);
                text.push('}');
            }
        }
    }
}

/// As a JSON string that stays on its line in every editor and that no
/// substitution of `env-vars` reaches.
fn quoted(string: &str) -> String {
    let json = Value::from(string).to_string();
    let mut quoted = String::with_capacity(json.len());
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        let is_variable = character == '$' && characters.peek() == Some(&'{');
        if is_variable || is_unseen(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(quoted, "\\u{unit:04x}").expect("to memory");
            }
        } else {
            quoted.push(character);
        }
    }
    quoted
}

#[cfg(test)]
mod tests;
