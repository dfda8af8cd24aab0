//! The statement of a backfill: one, with bounds that keep batches apart.

use super::{Reading, excerpt};
use crate::backfill::{Backfill, Key, Misused, Template};
use crate::diagnostic::{Diagnostic, code};
use crate::statement::{Class, Statement};
use crate::text::Span;

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

    /// Looks at the statement of a backfill.
    pub(super) fn bounded(&mut self, statement: &Statement, text: &str) -> Bounded {
        let Some(backfill) = &self.migration.backfill else {
            return Bounded::Unbounded;
        };
        let found = self.refusals(statement, text, &backfill.value);
        let source = excerpt(self.migration, statement.span, statement.position.line);
        match found {
            Ok(template) => {
                let width = backfill.value.key.width();
                Bounded::Parameters(template.with_parameters(width, false).text)
            }
            Err(found) => {
                let found = found.into_iter().map(|one| one.source(&source));
                self.diagnostics.extend(found);
                Bounded::Refused
            }
        }
    }

    fn refusals(
        &self,
        statement: &Statement,
        text: &str,
        backfill: &Backfill,
    ) -> Result<Template, Vec<Diagnostic>> {
        if self.outline.statements > 1 {
            return Err(vec![
                Diagnostic::new(
                    code::BACKFILL_STATEMENTS,
                    "a backfill with more than one statement",
                )
                .label(statement.span, "one too many")
                .help("put it into a migration of its own: the partner of this one runs before it, its ending migration after it"),
            ]);
        }
        let class = Class::of(text);
        let word = class.keywords.split(' ').next().unwrap_or_default();
        if !PREPARED.contains(&word) {
            return Err(vec![
                Diagnostic::new(
                    code::BACKFILL_STATEMENTS,
                    format!("`{}` cannot be run batch by batch", class.keywords),
                )
                .label(statement.span, "PostgreSQL cannot prepare it")
                .help("a backfill is an UPDATE, DELETE, INSERT … SELECT, MERGE or SELECT"),
            ]);
        }
        Template::new(text).map_err(|misused| {
            let told = misused.iter();
            told.map(|one| misuse(one, backfill, statement, text))
                .collect()
        })
    }
}

/// Bounds that would do rows twice, or all of them each time.
fn misuse(misused: &Misused, backfill: &Backfill, statement: &Statement, text: &str) -> Diagnostic {
    let start = statement.span.start;
    let (bound, span, label) = match misused {
        Misused::Missing(bound) => (*bound, statement.span, "does not name it".to_owned()),
        // What a variable holds has moved it.
        Misused::Comparison(bound, _) if text != statement.text => {
            (*bound, statement.span, format!("not in `{}`", bound.form()))
        }
        Misused::Comparison(bound, range) => (
            *bound,
            Span::new(start + range.start, start + range.end),
            format!("not in `{}`", bound.form()),
        ),
    };
    let columns = match &backfill.key {
        Key::Columns(names) if names.len() > 1 => format!("({})", backfill.key),
        key => key.to_string(),
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
        "write `WHERE {columns} > (:lower) AND {columns} <= (:upper)`: segue puts the keys of each batch there"
    ))
}
