//! The statement of a backfill, and errors at their places in its file.

use crate::apply::failure::{Placed, failure};
use crate::apply::feed::{Feed, feed};
use crate::apply::standalone::StandaloneError;
use crate::backfill::{Backfill, Template};
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::migration::Migration;
use crate::postgres::ServerError;
use crate::postgres::backfill::Statement;
use crate::statement::OwnedPiece;
use crate::text::byte_offset;

/// The statement as it stands in the file, and as it is prepared.
#[derive(Clone, Debug)]
pub(super) struct Text {
    placed: Placed,
    pub(super) statement: Statement,
}

impl Text {
    /// Reads it again: a plan keeps no texts.
    pub(super) async fn read(
        migration: &Migration,
        backfill: &Backfill,
    ) -> Result<Self, StandaloneError> {
        let mut reader = feed(vec![migration.clone()]);
        let mut found = None;
        while let Some(next) = reader.recv().await {
            match next {
                Feed::Piece(OwnedPiece::Statement(statement)) => {
                    found = Some(statement);
                    break;
                }
                Feed::Failed(diagnostic) => return Err(StandaloneError::Failed(diagnostic)),
                _ => {}
            }
        }
        let items = migration.outline.as_ref().map(|outline| &outline.items);
        let known = items.and_then(|items| items.first());
        let known = known.map(|item| item.fingerprint);
        let fingerprint = found.as_ref().map(crate::statement::Statement::fingerprint);
        let (Some(statement), true) = (found, known.is_none() || known == fingerprint) else {
            return Err(changed(migration));
        };
        let placed = Placed::new(statement, &migration.variables);
        // What is wrong with the bounds was told before anything ran.
        let template = Template::new(&placed.text).map_err(|_| changed(migration))?;
        Ok(Self {
            statement: Statement::new(&template, backfill.key.width()),
            placed,
        })
    }

    /// A diagnostic about the whole statement.
    pub(super) fn diagnostic(&self, migration: &Migration, diagnostic: Diagnostic) -> Diagnostic {
        let placed = &self.placed;
        let first = placed.written().lines().next().unwrap_or_default();
        let start = placed.span.start;
        let span = crate::text::Span::new(start, start + first.len());
        diagnostic
            .source(&files::excerpt(migration, placed.span, placed.line))
            .label(span, "this statement")
    }

    /// The server's error at its place, which counts in the statement as it
    /// was prepared without its lower bound.
    pub(super) fn error(&self, migration: &Migration, error: &ServerError) -> Diagnostic {
        let mut error = error.clone();
        let filled = &self.statement.after;
        error.position = error.position.and_then(|position| {
            let at = byte_offset(&filled.text, position)?;
            let (start, _) = filled.written_range(at, at);
            let before = self.placed.text.get(..start)?;
            u32::try_from(before.chars().count() + 1).ok()
        });
        failure(migration, &self.placed, &error)
    }

    /// The error that ends the backfill.
    pub(super) fn failed(&self, migration: &Migration, error: &ServerError) -> StandaloneError {
        StandaloneError::Failed(Box::new(self.error(migration, error)))
    }
}

fn changed(migration: &Migration) -> StandaloneError {
    let diagnostic = Diagnostic::new(
        code::CHANGED_WHILE_BEGUN,
        format!("`{}` has been changed while it runs", migration.name),
    )
    .source(&migration.source)
    .help("run `segue settle`: it reads the file as it is now");
    StandaloneError::Failed(Box::new(diagnostic))
}
