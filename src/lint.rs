//! Migrations → what in them may stop or break a running application.
//!
//! ```text
//! files in order → State (what they have made so far) ─┐
//!                  tree of a statement ────────────────┴→ rules → Findings
//! ```
//!
//! No database is asked. What a table holds is not known, so one that was there
//! before counts as large and busy, and one that the same release makes as
//! empty and unknown to everybody. What the parser does not know is passed over.
//! Each rule has a file in `lint/rules/` and a page in `rules/`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::backfill::{Backfill, Template};
use crate::diagnostic::{Diagnostic, code};
use crate::directive::{self, TransactionMode, Waiver};
use crate::migration::{Kind, Migration, Name};
use crate::statement::{self, Statement};
use crate::text::{Filled, Source, Span, Spanned, nearest};

mod finding;
pub mod fix;
mod rule;
mod rules;
mod state;
mod tree;

pub use finding::Finding;
pub use rule::{Rule, Subject};
pub use rules::TABLE;
pub use state::State;

/// Longer statements are not parsed: they are data.
const PARSED_BYTES_MAX: usize = 1 << 20;

/// A migration with its statements.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub name: Name,
    /// Where it runs.
    pub kind: Kind,
    /// The concurrent migrations that it needs done.
    pub ends: Vec<Name>,
    /// What it says of its batches, of a backfill.
    pub backfill: Option<Backfill>,
    /// The rules that it waives.
    pub waivers: Vec<Spanned<Waiver>>,
    /// In their order; the data of COPY is left out.
    pub statements: Vec<Text>,
    /// Whether it is judged; otherwise it only tells what there is.
    pub is_judged: bool,
}

/// A statement as the server gets it, and where it stands.
#[derive(Clone, Debug)]
pub struct Text {
    statement: Statement,
    /// With values of environment variables, if it takes any.
    filled: Option<Filled>,
}

/// How the files that are judged come to a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// Each by itself, the application serving in between: nothing else is
    /// known.
    #[default]
    Apart,
    /// All by one deployment: what one of them makes, nobody has used before
    /// the next one runs.
    Together,
}

/// How to judge.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Names of rules that do not hold.
    pub off: BTreeSet<String>,
    /// How the files come to a database.
    pub release: Release,
}

impl Text {
    /// A statement, with its text after values have been filled in.
    #[must_use]
    pub fn new(statement: Statement, filled: Option<Filled>) -> Self {
        Self { statement, filled }
    }

    /// What the server gets.
    #[must_use]
    pub fn sql(&self) -> &str {
        self.filled
            .as_ref()
            .map_or(&self.statement.text, |filled| &filled.text)
    }

    /// The statement as it is written.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Where bytes `start..end` of [`Text::sql`] stand in the file.
    #[must_use]
    pub fn span(&self, start: usize, end: usize) -> Span {
        let (start, end) = match &self.filled {
            Some(filled) => filled.written_range(start, end),
            None => (start, end),
        };
        let begin = self.statement.span.start;
        Span::new(begin + start, begin + end)
    }

    /// With parameters for the bounds of a backfill, if it has them.
    fn with_parameters(self, width: usize) -> Self {
        let Ok(template) = Template::new(self.sql()) else {
            return self;
        };
        let parameters = template.with_parameters(width, false);
        let filled = match self.filled {
            Some(filled) => filled.then(parameters),
            None => parameters,
        };
        Self {
            filled: Some(filled),
            ..self
        }
    }

    /// What the parser may read, if it reads the same as the server.
    fn parsed(&self) -> Option<&str> {
        let sql = self.sql();
        (sql.len() <= PARSED_BYTES_MAX && !self.statement.is_misread(sql)).then_some(sql)
    }
}

/// The statements as the parser takes them.
fn with_parameters(statements: Vec<Text>, backfill: Option<&Backfill>) -> Vec<Text> {
    let Some(backfill) = backfill else {
        return statements;
    };
    let width = backfill.key.width();
    let statements = statements.into_iter();
    statements.map(|one| one.with_parameters(width)).collect()
}

impl File {
    /// A migration with its statements, judged.
    #[must_use]
    pub fn new(migration: &Migration, statements: Vec<Text>) -> Self {
        let backfill = migration.backfill.as_ref().map(|one| one.value.clone());
        Self {
            name: migration.name.clone(),
            kind: migration.kind,
            ends: migration.ends.iter().map(|end| end.name.clone()).collect(),
            waivers: migration.waivers.clone(),
            statements: with_parameters(statements, backfill.as_ref()),
            backfill,
            is_judged: true,
        }
    }

    /// A whole file that is at hand, judged; for documents and tests.
    ///
    /// # Errors
    /// What is wrong with its directives, or that it cannot be cut into
    /// statements.
    pub fn of_text(name: &str, source: &Arc<Source>) -> Result<Self, Vec<Diagnostic>> {
        let (directives, diagnostics) = directive::parse(source);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let statements =
            statement::split(source.text()).map_err(|error| vec![error.diagnostic(source)])?;
        let mode = directives.transaction.map(|mode| mode.value);
        let backfill = directives.backfill.map(|one| one.value);
        let statements = statements
            .into_iter()
            .map(|statement| Text::new(statement, None))
            .collect();
        Ok(Self {
            name: Name::new(name),
            kind: match (&directives.begin_with, mode) {
                (Some(_), _) => Kind::Concurrent,
                (None, Some(TransactionMode::Autocommit)) => Kind::Standalone,
                (None, _) => Kind::Batch,
            },
            ends: directives
                .end
                .iter()
                .map(|end| Name::new(&end.value))
                .collect(),
            waivers: directives.allow,
            statements: with_parameters(statements, backfill.as_ref()),
            backfill,
            is_judged: true,
        })
    }
}

/// What the rules say of the files that are judged, in their order and by
/// place; waived findings are among them.
///
/// `files` are all that there are, in the order in which they run.
#[must_use]
pub fn lint(files: &[File], settings: &Settings) -> Vec<Finding> {
    let mut state = State::new(settings.release);
    let mut findings = Vec::new();
    for file in files {
        state.begin(file);
        let sqls: Vec<Option<&str>> = file.statements.iter().map(Text::parsed).collect();
        let found = statement::with_trees(&sqls, |trees| {
            let mut found = Vec::new();
            let trees: Vec<_> = trees.collect();
            for (index, text) in file.statements.iter().enumerate() {
                let Some(node) = trees[index] else {
                    continue;
                };
                if file.is_judged {
                    let around = (&trees[..index], &trees[index + 1..]);
                    found.extend(rule::judge(file, text, node, around, &state, &settings.off));
                }
                state.apply(node);
            }
            found
        });
        if file.is_judged {
            findings.extend(waive(file, found.unwrap_or_default(), &settings.off));
        }
    }
    findings
}

/// Marks what the file waives, and tells waivers that are wrong or not needed.
fn waive(file: &File, mut found: Vec<Finding>, off: &BTreeSet<String>) -> Vec<Finding> {
    let mut wrong = Vec::new();
    for waiver in &file.waivers {
        let Waiver { rule, reason } = &waiver.value;
        let mut is_used = off.contains(rule);
        for finding in found.iter_mut().filter(|one| one.code().as_str() == rule) {
            is_used = true;
            finding.waived.get_or_insert_with(|| reason.clone());
        }
        if Rule::named(rule).is_none() {
            let near = nearest(rule, TABLE.iter().map(|rule| rule.name));
            let diagnostic =
                Diagnostic::new(code::UNKNOWN_RULE, format!("there is no rule `{rule}`"))
                    .label(waiver.span, "waives nothing")
                    .help(near.map_or_else(
                        || "`segue explain` lists the rules".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    ));
            wrong.push(Finding::of_header(file, diagnostic));
        } else if !is_used {
            let diagnostic = Diagnostic::new(
                code::UNUSED_WAIVER,
                format!("nothing in this file needs `{rule}` to be waived"),
            )
            .label(waiver.span, "waives nothing")
            .help("remove the line");
            wrong.push(Finding::of_header(file, diagnostic));
        }
    }
    wrong.extend(found);
    wrong.sort_by_key(Finding::span);
    wrong
}

#[cfg(test)]
mod tests;
