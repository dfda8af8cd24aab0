//! The checks that developers have left, run in a database.

use std::time::Instant;

use super::{Actor, ApplyError, Database, RehearseError};
use crate::apply::failure::{Placed, failure};
use crate::apply::feed::{Feed, feed};
use crate::apply::script;
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::postgres::{Error, Session, settings};
use crate::rehearsal::Step;
use crate::rehearsal::backfill::Rows;
use crate::rehearsal::upgrade::{self, Broken, Check};
use crate::statement::{Class, CopyDirection, OwnedPiece, Statement, TransactionControl};
use crate::text::Span;

/// So many rows of a query are shown.
const ROWS_SHOWN: usize = 5;

impl Actor<'_> {
    /// Runs those that hold with the first `files` migrations; `place` says
    /// which database it is.
    pub(super) async fn checks(
        &mut self,
        database: &Database,
        files: usize,
        place: &str,
    ) -> Result<(), RehearseError> {
        let checks = self.stage.checks;
        let began = Instant::now();
        for check in checks.iter().filter(|check| check.holds(files)) {
            let session = self.connect(database).await?;
            let problems = self.unless_interrupted(run(&session, check)).await?;
            session.close().await;
            self.broken
                .extend(problems.into_iter().map(|diagnostic| Broken {
                    step: Step::Checks,
                    diagnostic,
                    difference: None,
                    place: place.to_owned(),
                }));
        }
        self.checking += began.elapsed();
        Ok(())
    }
}

impl Actor<'_> {
    /// What `work` gives, unless a signal of the user comes first.
    pub(super) async fn unless_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, RehearseError> {
        tokio::select! {
            biased;
            signal = self.stage.interrupt.first() => {
                let committed = Vec::new();
                Err(ApplyError::Interrupted { signal, committed }.into())
            }
            done = work => Ok(done?),
        }
    }
}

/// Runs one in a transaction that is rolled back; what it finds.
async fn run(session: &Session, check: &Check) -> Result<Vec<Diagnostic>, Error> {
    let mut found = Vec::new();
    let mut has_statement = false;
    session.execute(settings::STRINGS).await?;
    session.execute("BEGIN READ WRITE").await?;
    let mut feed = feed(vec![check.script.clone()]);
    while let Some(next) = feed.recv().await {
        let statement = match next {
            Feed::Piece(OwnedPiece::Statement(statement)) => statement,
            Feed::Failed(diagnostic) => {
                found.push(upgrade::check_failed(check, *diagnostic));
                break;
            }
            _ => continue,
        };
        if Class::of(&statement.text)
            .control
            .is_some_and(TransactionControl::ends_transaction)
        {
            found.push(upgrade::ends_transaction(check, &at(check, &statement)));
            break;
        }
        has_statement = true;
        let place = at(check, &statement);
        let copy = statement.copy;
        if copy == Some(CopyDirection::ToStdout) {
            found.push(upgrade::copies_out(check, &place));
            break;
        }
        let placed = Placed::new(statement, &check.script.variables);
        let done = match copy {
            Some(_) => script::copy(session, &placed.text, &mut feed)
                .await
                .map(|()| (0, Rows::default())),
            None => query(session, &placed.text).await,
        };
        match done {
            Ok((0, _)) => {}
            Ok((count, rows)) => found.push(upgrade::found(check, &place, count, &rows)),
            Err(Error::Server(error)) => {
                let diagnostic = failure(&check.script, &placed, &error);
                found.push(upgrade::check_failed(check, diagnostic));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    session.execute("ROLLBACK").await?;
    if !has_statement && found.is_empty() {
        found.push(upgrade::asks_nothing(check));
    }
    Ok(found)
}

/// How many rows a statement gives, and the first of them.
async fn query(session: &Session, sql: &str) -> Result<(u64, Rows), Error> {
    let mut rows = session.rows(sql).await?;
    let (mut count, mut first) = (0, Vec::new());
    while let Some(row) = rows.next().await? {
        count += 1;
        if first.len() < ROWS_SHOWN {
            first.push(row);
        }
    }
    let labels = std::mem::take(&mut rows.labels);
    Ok((count, Rows::new(labels, first, &[])))
}

/// A diagnostic at the first line of a statement, still without words.
fn at(check: &Check, statement: &Statement) -> Diagnostic {
    let first = statement.text.lines().next().unwrap_or_default();
    let span = Span::new(statement.span.start, statement.span.start + first.len());
    Diagnostic::new(code::CHECK_FAILED, "")
        .source(&files::excerpt(
            &check.script,
            span,
            statement.position.line,
        ))
        .label(span, "must return no row")
}
