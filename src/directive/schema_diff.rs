//! The schema diff that a concurrent migration carries in its header.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use super::lexer::Token;
use crate::schema::Diff;
use crate::text::Span;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

mod write;

pub use write::with_schema_diff;

/// The block from `schema-diff-begin` to `schema-diff-end`.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaDiff {
    /// Whole lines, from the start of the one with `schema-diff-begin` to
    /// after the line end of the one with `schema-diff-end`: without these
    /// bytes the file reads as if there were no block.
    pub span: Span,
    /// The diff for each major version of PostgreSQL, 18 for example; at
    /// least one.
    pub parts: BTreeMap<u32, Diff>,
}

/// What is wrong with a block, and at which byte of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) at: usize,
    pub(super) reason: String,
}

/// Where the block begins whose first comment is `token`: it takes whole lines,
/// but if something else stands in the line, it begins with the comment.
pub(super) fn begin(text: &str, token: &Token) -> usize {
    let before = &text[..token.range.start];
    let line = before.trim_end_matches([' ', '\t', '\u{feff}']).len();
    if line == 0 || before[..line].ends_with('\n') {
        before.rfind('\n').map_or(0, |newline| newline + 1)
    } else {
        token.range.start
    }
}

/// Behind the end of the line that `token` ends.
pub(super) fn line_end(text: &str, token: &Token) -> usize {
    let after = &text[token.range.end..];
    let ends = ["\r\n", "\n", "\r"].into_iter();
    let end = ends
        .filter(|end| after.starts_with(end))
        .map(str::len)
        .next();
    token.range.end + end.unwrap_or(0)
}

/// The parts in the JSON of `lines`, ranges of `text` after the dashes of each
/// comment; `end` is where the closing comment begins.
pub(super) fn parts(
    text: &str,
    lines: &[Range<usize>],
    end: usize,
) -> Result<BTreeMap<u32, Diff>, Malformed> {
    // Above the JSON there may be words for people.
    let is_remark = |line: &&Range<usize>| {
        let line = text[Range::clone(line)].trim_start();
        line.starts_with(|first: char| first.is_ascii_alphabetic())
    };
    let remarks = lines.iter().take_while(is_remark).count();
    let lines = &lines[remarks..];
    let mut json = String::new();
    for line in lines {
        json.push_str(&text[line.clone()]);
        json.push('\n');
    }
    serde_json::from_str::<Parts>(&json)
        .map(|parts| parts.0)
        .map_err(|error| {
            let reason = error.to_string();
            let reason = reason
                .rsplit_once(" at line ")
                .map_or(&*reason, |(reason, _)| reason);
            // Lines count from 1, columns count bytes; an error at the end of
            // the input is reported behind the last line.
            let line = error.line().checked_sub(1).and_then(|line| lines.get(line));
            let at = line.map_or(end, |line| {
                let content = text[line.clone()].trim_start().len();
                let at = line.start + error.column().saturating_sub(1);
                let mut at = at.clamp(line.end - content, line.end);
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                at
            });
            let reason = reason.to_owned();
            Malformed { at, reason }
        })
}

/// An object with a key per major version; `serde_json`'s own map would let the
/// second of two equal keys win.
struct Parts(BTreeMap<u32, Diff>);

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Majors;
        impl<'de> Visitor<'de> for Majors {
            type Value = Parts;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with a key per PostgreSQL major version")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
                let mut parts = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    let major = key.parse().ok().filter(|major| (10..1000).contains(major));
                    let major = major.ok_or_else(|| {
                        A::Error::custom(format!("`{key}` is not a PostgreSQL major version"))
                    })?;
                    if parts.contains_key(&major) {
                        return Err(A::Error::custom(format!("`{key}` is given twice")));
                    }
                    parts.insert(major, map.next_value()?);
                }
                if parts.is_empty() {
                    return Err(A::Error::custom("no PostgreSQL major version is given"));
                }
                Ok(Parts(parts))
            }
        }
        deserializer.deserialize_map(Majors)
    }
}
