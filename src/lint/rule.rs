//! A rule, and what it is shown of a statement.

use std::collections::BTreeSet;

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, RangeVar};

use super::{File, Finding, State, TABLE, Text, tree};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::migration::Kind;
use crate::text::Span;

/// One thing that is not to be done beside live traffic.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Kebab-case, permanent once released: `index-not-concurrently`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Its page, in Markdown: what happens, what to do, examples.
    pub page: &'static str,
    /// In which halves of a deployment it holds.
    pub halves: &'static [Kind],
    /// What it says of a statement.
    pub(super) check: fn(&Subject<'_>) -> Vec<Finding>,
}

/// All halves of a deployment.
pub(super) const EVERYWHERE: &[Kind] = &[Kind::Batch, Kind::Standalone, Kind::Concurrent];

impl Rule {
    /// The rule of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|rule| rule.name == name)
    }

    /// The code of its findings.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::of_rule(self.name, self.severity, self.page)
    }

    /// What it is about, in one sentence: the first paragraph of its page.
    #[must_use]
    pub fn summary(&self) -> String {
        let first = self.page.split("\n\n").nth(1).unwrap_or_default();
        first.trim().replace('\n', " ")
    }
}

/// A statement, and what is known when it runs.
pub struct Subject<'a> {
    rule: &'a Rule,
    /// The migration that it is in.
    pub file: &'a File,
    /// What is there before it.
    pub state: &'a State,
    /// Where it stands.
    pub text: &'a Text,
    /// What it says.
    pub(super) node: &'a NodeEnum,
    /// The statements of the file before it.
    before: &'a [Option<&'a NodeEnum>],
    /// The statements of the file behind it.
    rest: &'a [Option<&'a NodeEnum>],
}

/// What all rules that are not `off` say of a statement.
pub(super) fn judge(
    file: &File,
    text: &Text,
    node: &NodeEnum,
    (before, rest): (&[Option<&NodeEnum>], &[Option<&NodeEnum>]),
    state: &State,
    off: &BTreeSet<String>,
) -> Vec<Finding> {
    let rules = TABLE
        .iter()
        .filter(|rule| rule.halves.contains(&file.kind) && !off.contains(rule.name));
    rules
        .flat_map(|rule| {
            let subject = Subject {
                rule,
                file,
                state,
                text,
                node,
                before,
                rest,
            };
            (rule.check)(&subject)
        })
        .collect()
}

impl Subject<'_> {
    /// A finding of the rule, still without a place.
    #[must_use]
    pub fn finding(&self, message: impl Into<String>) -> Finding {
        let statement = self.text.statement();
        Finding {
            migration: self.file.name.clone(),
            diagnostic: Diagnostic::new(self.rule.code(), message),
            statement: Some((statement.span.start, statement.position.line)),
            waived: None,
        }
    }

    /// The statements of the file behind this one, as far as they are known.
    pub(super) fn later(&self) -> impl Iterator<Item = &NodeEnum> {
        self.rest.iter().flatten().copied()
    }

    /// The statements of the file before this one, as far as they are known.
    pub(super) fn earlier(&self) -> impl Iterator<Item = &NodeEnum> {
        self.before.iter().flatten().copied()
    }

    /// All other statements of the file, as far as they are known.
    pub(super) fn others(&self) -> impl Iterator<Item = &NodeEnum> {
        self.earlier().chain(self.later())
    }

    /// Whether others may use the relation while the statement runs.
    pub(super) fn is_in_use(&self, relation: Option<&RangeVar>) -> bool {
        relation.is_some_and(|relation| !self.state.is_new(&tree::relation(relation)))
    }

    /// The commands of `ALTER TABLE` on a table that may be in use, with its
    /// name; none of another statement.
    pub(super) fn commands_in_use(&self) -> Vec<(&RangeVar, &AlterTableCmd)> {
        tree::table_commands(self.node)
            .into_iter()
            .filter(|(table, _)| self.is_in_use(Some(table)))
            .collect()
    }

    /// The whole statement, or its first line if it takes several.
    #[must_use]
    pub fn whole(&self) -> Span {
        let sql = self.text.sql();
        let end = sql.lines().next().map_or(0, str::len);
        self.text.span(0, end)
    }

    /// The word at a node's `location`, in bytes of the statement; the whole
    /// statement where the parser does not tell.
    #[must_use]
    pub fn word(&self, location: i32) -> Span {
        let sql = self.text.sql();
        let start = usize::try_from(location).ok();
        match start.filter(|start| sql.is_char_boundary(*start)) {
            Some(start) if start < sql.len() => {
                self.text.span(start, start + word_len(&sql[start..]))
            }
            _ => self.whole(),
        }
    }

    /// Where a command of `ALTER TABLE` that the tree gives no place names its
    /// column, and byte of the statement behind it: a statement may have many.
    fn column_place(&self, column: &str) -> Option<(Span, usize)> {
        let sql = self.text.sql();
        let upper = sql.to_ascii_uppercase();
        let wanted = column.to_ascii_uppercase();
        let mut places = upper.match_indices(&wanted).map(|(start, _)| start);
        let start = places.find(|start| {
            let before = upper[..*start].trim_end_matches('"').trim_end();
            let is_named = ["ALTER", "COLUMN", "DROP", "EXISTS"]
                .iter()
                .any(|word| before.ends_with(word));
            let next = upper[start + wanted.len()..].chars().next();
            is_named && !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
        })?;
        let end = start + wanted.len();
        Some((self.text.span(start, end), end))
    }

    /// The column that a command of `ALTER TABLE` changes or drops.
    #[must_use]
    pub fn column(&self, column: &str) -> Span {
        let place = self.column_place(column);
        place.map_or_else(|| self.whole(), |(span, _)| span)
    }

    /// The first place where `words` stand behind the column that a command of
    /// `ALTER TABLE` changes.
    #[must_use]
    pub fn keywords_of(&self, column: &str, words: &str) -> Span {
        let from = self.column_place(column).map_or(0, |(_, end)| end);
        self.keywords_from(from, words)
    }

    /// The first place where `words` stand in the statement, compared without
    /// regard to case: for keywords that the tree gives no place. The whole
    /// statement if there is none.
    #[must_use]
    pub fn keywords(&self, words: &str) -> Span {
        self.keywords_from(0, words)
    }

    fn keywords_from(&self, from: usize, words: &str) -> Span {
        let sql = self.text.sql();
        let upper = sql.to_ascii_uppercase();
        let is_word = |character: Option<char>| {
            character.is_some_and(|one| one.is_alphanumeric() || one == '_')
        };
        let places = upper[from..].match_indices(words);
        let mut places = places.map(|(start, _)| from + start);
        let whole = places.find(|start| {
            let end = start + words.len();
            !is_word(upper[..*start].chars().next_back()) && !is_word(upper[end..].chars().next())
        });
        match whole {
            Some(start) => self.text.span(start, start + words.len()),
            None => self.whole(),
        }
    }
}

/// Length of the name that `text` begins with, dots and quotes included.
fn word_len(text: &str) -> usize {
    let mut is_quoted = false;
    for (index, character) in text.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '.' | '_' | '$' => {}
            character if character.is_alphanumeric() => {}
            _ => return index.max(1),
        }
    }
    text.len()
}
