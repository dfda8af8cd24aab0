//! The statement of a backfill: one, with bounds that keep batches apart.

use std::ops::Range;

use memchr::memmem;

use super::{Reading, excerpt};
use crate::backfill::{Backfill, Bound, Key, Misused, Template, variables};
use crate::diagnostic::{Diagnostic, code};
use crate::statement::{Class, Digest, OutOfRange, Statement, digest, out_of_range};
use crate::text::{Filled, Span, nearest};

/// What PREPARE takes, by the first word.
const PREPARED: [&str; 6] = ["UPDATE", "DELETE", "INSERT", "MERGE", "SELECT", "WITH"];

/// A statement, as the parser is to take it.
pub(super) enum Bounded {
    /// As it is: of any migration but a backfill.
    Unbounded,
    /// With parameters for its bounds.
    Parameters(String),
    /// Not at all: what is wrong is told.
    Refused,
}

impl Reading<'_> {
    /// A backfill has a statement.
    pub(super) fn refuse_backfill_of_nothing(&mut self) {
        if self.migration.backfill.is_none() || self.outline.statements > 0 {
            return;
        }
        self.diagnostics.push(
            Diagnostic::new(code::BACKFILL_STATEMENTS, "a backfill without a statement")
                .source(&self.migration.source)
                .help("write the statement that is run for each batch, with `:lower` and `:upper`"),
        );
    }

    /// A bound in a file that is no backfill.
    pub(super) fn refuse_stray_bound(&mut self, statement: &Statement, text: &str) {
        if self.migration.backfill.is_none()
            && let Some(found) = stray(statement, text)
        {
            let source = excerpt(self.migration, statement.span, statement.position.line);
            self.diagnostics.push(found.source(&source));
        }
    }

    /// Looks at the statement of a backfill, which values may have been filled
    /// into.
    pub(super) fn bounded(&mut self, statement: &Statement, filled: Option<&Filled>) -> Bounded {
        let text = filled.map_or(statement.text.as_str(), |filled| &filled.text);
        let Some(backfill) = &self.migration.backfill else {
            return Bounded::Unbounded;
        };
        let looked = Looked {
            statement,
            filled,
            text,
            backfill: &backfill.value,
        };
        let found = if self.outline.statements > 1 {
            Err(vec![looked.one_too_many()])
        } else {
            looked.parameters()
        };
        match found {
            Ok(text) => Bounded::Parameters(text),
            Err(found) => {
                let source = excerpt(self.migration, statement.span, statement.position.line);
                let found = found.into_iter().map(|one| one.source(&source));
                self.diagnostics.extend(found);
                Bounded::Refused
            }
        }
    }
}

/// A bound where it can only be an error.
fn stray(statement: &Statement, text: &str) -> Option<Diagnostic> {
    let bounds = [Bound::Lower, Bound::Upper].map(Bound::as_str);
    let is_there = |bound: &str| memmem::find(text.as_bytes(), bound.as_bytes()).is_some();
    if text != statement.text || !bounds.into_iter().any(is_there) {
        return None;
    }
    let mut found = variables(text).into_iter();
    let range = found.find(|range| bounds.contains(&&text[range.clone()]))?;
    // `a[1:upper]` is a slice.
    if digest(text).is_some() {
        return None;
    }
    let bound = &text[range.clone()];
    let start = statement.span.start;
    Some(
        Diagnostic::new(
            code::BACKFILL_BOUNDS,
            format!("`{bound}` is a bound of a backfill, and this file is none"),
        )
        .label(
            Span::new(start + range.start, start + range.end),
            "nothing stands for it here",
        )
        .help("write `-- segue: backfill: TABLE by KEY` at the top of the file, below `-- segue: begin-concurrent-migration-with: FILE`"),
    )
}

/// The statement of a backfill, looked at.
struct Looked<'a> {
    statement: &'a Statement,
    filled: Option<&'a Filled>,
    /// With the values of variables.
    text: &'a str,
    backfill: &'a Backfill,
}

impl Looked<'_> {
    fn one_too_many(&self) -> Diagnostic {
        Diagnostic::new(
            code::BACKFILL_STATEMENTS,
            "a backfill with more than one statement",
        )
        .label(self.statement.span, "one too many")
        .help("put it into a migration of its own: the partner of this one runs before it, its ending migration after it")
    }

    /// The statement with parameters for its bounds, or what is wrong with it.
    fn parameters(&self) -> Result<String, Vec<Diagnostic>> {
        let class = Class::of(self.text);
        let word = class.keywords.split(' ').next().unwrap_or_default();
        if !PREPARED.contains(&word) {
            return Err(vec![
                Diagnostic::new(
                    code::BACKFILL_STATEMENTS,
                    format!("`{}` cannot be run batch by batch", class.keywords),
                )
                .label(self.statement.span, "PostgreSQL cannot prepare it")
                .help("a backfill is an UPDATE, DELETE, INSERT … SELECT, MERGE or SELECT"),
            ]);
        }
        let template = Template::new(self.text).map_err(|misused| {
            let told = misused.iter();
            told.map(|one| self.misused(one)).collect::<Vec<_>>()
        })?;
        let width = self.backfill.key.width();
        let rendered = template.with_parameters(width, false);
        let Some(digest) = digest(&rendered.text) else {
            // It may be SQL that only a newer server knows.
            let strangers: Vec<Diagnostic> = self.strangers().collect();
            return if strangers.is_empty() {
                Ok(rendered.text)
            } else {
                Err(strangers)
            };
        };
        let mut found: Vec<Diagnostic> = self.other_table(&digest).into_iter().collect();
        let key: Vec<&str> = self.backfill.key.names().collect();
        let out = out_of_range(&rendered.text, &self.backfill.table, &key);
        if found.is_empty() {
            let out = out.unwrap_or_default();
            found.extend(out.iter().map(|one| self.out_of_range(one, &rendered)));
        }
        if found.is_empty() {
            Ok(rendered.text)
        } else {
            Err(found)
        }
    }

    /// Where bytes of the text stand in the file.
    fn span(&self, range: Range<usize>) -> Span {
        let (start, end) = match self.filled {
            Some(filled) => filled.written_range(range.start, range.end),
            None => (range.start, range.end),
        };
        let at = self.statement.span.start;
        Span::new(at + start, at + end)
    }

    /// Where the word at byte `at` of `rendered` stands in the file.
    fn word(&self, rendered: &Filled, at: usize) -> Span {
        let rest = rendered.text.get(at..).unwrap_or_default();
        let is_word = |one: char| one.is_alphanumeric() || "_.$\"".contains(one);
        let length = rest.find(|one| !is_word(one)).unwrap_or(rest.len()).max(1);
        let (start, end) = rendered.written_range(at, at + length);
        self.span(start..end)
    }

    /// The key as a condition names it.
    fn columns(&self) -> String {
        match &self.backfill.key {
            Key::Columns(names) if names.len() > 1 => format!("({})", self.backfill.key),
            key => key.to_string(),
        }
    }

    fn condition(&self) -> String {
        let columns = self.columns();
        match &self.backfill.key {
            Key::Columns(names) if names.len() > 1 => {
                format!("{columns} > (:lower) AND {columns} <= (:upper)")
            }
            _ => format!("{columns} > :lower AND {columns} <= :upper"),
        }
    }

    /// Bounds that would do rows twice, or all of them each time.
    fn misused(&self, misused: &Misused) -> Diagnostic {
        let (bound, span, label) = match misused {
            Misused::Parameter(range) => {
                let name = &self.text[range.clone()];
                return Diagnostic::new(
                    code::BACKFILL_BOUNDS,
                    format!("`{name}` in the statement of a backfill"),
                )
                .label(self.span(range.clone()), "nothing stands for it")
                .help("`:lower` and `:upper` are all that a backfill puts into its statement");
            }
            Misused::Missing(bound) => {
                let first = self.text.lines().next().map_or(0, str::len);
                (*bound, self.span(0..first), "does not name it".to_owned())
            }
            Misused::Comparison(bound, range) => (
                *bound,
                self.span(range.clone()),
                format!("not in `{}`", bound.form()),
            ),
        };
        Diagnostic::new(
            code::BACKFILL_BOUNDS,
            format!(
                "without `{}` in its place one batch would not end where the next begins",
                bound.as_str()
            ),
        )
        .label(span, label)
        .help(format!(
            "write `WHERE {}`: segue puts the keys of each batch there",
            self.condition()
        ))
    }

    /// What other tools take for variables.
    fn strangers(&self) -> impl Iterator<Item = Diagnostic> {
        let bounds = [Bound::Lower, Bound::Upper].map(Bound::as_str);
        let strangers = variables(self.text).into_iter();
        strangers
            .filter(move |range| !bounds.contains(&&self.text[range.clone()]))
            .map(move |range| {
                let name = &self.text[range.clone()];
                Diagnostic::new(
                    code::BACKFILL_BOUNDS,
                    format!("`{name}` is no bound of a backfill"),
                )
                .label(self.span(range), "nothing stands for it")
                .help(match nearest(&name.to_lowercase(), bounds) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`:lower` and `:upper` are all there is; `env-vars` takes values from the environment".to_owned(),
                })
            })
    }

    /// The directive is about a table that the statement does not name.
    fn other_table(&self, digest: &Digest) -> Option<Diagnostic> {
        let table = &self.backfill.table;
        if digest.touches.iter().any(|one| one.may_be(table)) {
            return None;
        }
        let names: Vec<String> = digest.touches.iter().map(ToString::to_string).collect();
        let near = nearest(&table.to_string(), names.iter().map(String::as_str));
        let only = names.first().filter(|_| names.len() == 1);
        let meant = near.or(only.map(String::as_str));
        let first = self.text.lines().next().map_or(0, str::len);
        Some(
            Diagnostic::new(
                code::BACKFILL_STATEMENTS,
                format!("the statement does not name `{table}`, whose rows are counted off"),
            )
            .label(self.span(0..first), "is about other tables")
            .help(match meant {
                Some(meant) => {
                    format!("did you mean `-- segue: backfill: {meant} by {}`?", self.backfill.key)
                }
                None => format!("write `-- segue: backfill: TABLE by {}` with the table that the bounds are about", self.backfill.key),
            }),
        )
    }

    fn out_of_range(&self, found: &OutOfRange, rendered: &Filled) -> Diagnostic {
        let (table, columns) = (&self.backfill.table, self.columns());
        let span = self.word(rendered, found.at());
        let condition = format!(
            "write `WHERE {}`, joined to the rest by AND",
            self.condition()
        );
        let bounds = |message: String| Diagnostic::new(code::BACKFILL_BOUNDS, message);
        match found {
            OutOfRange::NotTheKey(_) => bounds(format!(
                "`{table}` is counted off by `{}`, and this is something else",
                self.backfill.key
            ))
            .label(span, format!("is not `{columns}` of `{table}`"))
            .help(condition),
            OutOfRange::NotACondition(_) => {
                bounds("a bound that does not keep the rows of other batches out".to_owned())
                    .label(span, "under OR, in an outer join or computed with")
                    .help(condition)
                    .help("in `MERGE`, write it into a query: `USING (SELECT … WHERE …) AS source`")
            }
            OutOfRange::OneSided(_) => {
                bounds("a condition with one of the two bounds".to_owned())
                    .label(span, "the other one is missing beside it")
                    .help(condition)
            }
            OutOfRange::AllRows(_) => {
                bounds("each batch would do all rows of this table".to_owned())
                    .label(span, "without a condition")
                    .help(condition)
            }
            OutOfRange::SetsKey(column, _) => Diagnostic::new(
                code::BACKFILL_KEY,
                format!("the statement changes `{column}`, by which `{table}` is counted off"),
            )
            .label(span, "a row could move in front of the batches again and again")
            .help("count the rows off by a key that stays, or by `ctid`"),
            OutOfRange::AddsRows(_) => Diagnostic::new(
                code::BACKFILL_KEY,
                format!("the statement adds rows to `{table}`, whose rows are counted off"),
            )
            .label(span, "the end would move away with each batch")
            .help("for rows that are there, write UPDATE, or add `ON CONFLICT`; new ones go into another table"),
            OutOfRange::MakesTable(_) => Diagnostic::new(
                code::BACKFILL_STATEMENTS,
                "`SELECT … INTO` cannot be run batch by batch",
            )
            .label(span, "the second batch would find it there")
            .help("make the table in the partner, and write `INSERT INTO … SELECT`"),
        }
    }
}
