//! A backfill on rows: on a fresh database every table is empty, so its table
//! is given some, before its partner runs.

use std::time::Instant;

use super::line::Line;
use super::replay::Deployed;
use super::{Actor, Database, RehearseError, Seen, Until, Verdict};
use crate::apply::failure::Placed;
use crate::apply::script::{self, ScriptError};
use crate::backfill::{Backfill, Key, Template, Values};
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::migration::Migration;
use crate::postgres::ledger::Ledger;
use crate::postgres::tables::{self, content};
use crate::postgres::{Error, Session};
use crate::rehearsal::backfill::{self as judge, Again, Origin, Poisoned, Rows, Trial};
use crate::rehearsal::{Finding, Step, rows};
use crate::schema::Snapshot;
use crate::statement::OwnedPiece;
use crate::text::Span;

/// Tables with more rows than this are not compared.
const COMPARED_MAX: usize = 10_000;

/// So many batches at least.
const BATCHES: u64 = 8;

impl Actor<'_> {
    /// The trials that end where the line is; `settled` is its schema.
    pub(super) async fn trials(
        &mut self,
        line: &mut Line<'_>,
        files: usize,
        settled: &Snapshot,
    ) -> Result<(), RehearseError> {
        let rehearsal = line.rehearsal;
        for (index, trial) in rehearsal.trials.iter().enumerate() {
            if trial.files != files {
                continue;
            }
            let (began, before) = (Instant::now(), self.examined.findings.len());
            if let Some(database) = line.trials.remove(&index) {
                self.trial(&database, trial, settled).await?;
                line.server.drop(database).await?;
            } else if let Some((_server, database)) = self.deployed_apart(trial.after).await? {
                self.trial(&database, trial, settled).await?;
            }
            let findings = &self.examined.findings[before..];
            let verdict = if findings.iter().any(Finding::is_bad) {
                Verdict::Failed
            } else if findings.iter().any(Finding::is_untried) {
                Verdict::Skipped("there are no rows to try them on".to_owned())
            } else {
                Verdict::Passed
            };
            self.tried(began, verdict);
        }
        Ok(())
    }

    /// One line for all of them.
    fn tried(&mut self, began: Instant, verdict: Verdict) {
        let count = usize::from(!matches!(verdict, Verdict::Skipped(_)));
        let mut seen = self.examined.seen.iter_mut();
        let Some(known) = seen.find(|seen| seen.step == Step::Backfills) else {
            self.examined.seen.push(Seen {
                step: Step::Backfills,
                verdict,
                count,
                duration: began.elapsed(),
            });
            return;
        };
        known.count += count;
        known.duration += began.elapsed();
        if verdict == Verdict::Failed || matches!(known.verdict, Verdict::Skipped(_)) {
            known.verdict = verdict;
        }
    }

    async fn trial(
        &mut self,
        database: &Database,
        trial: &Trial,
        settled: &Snapshot,
    ) -> Result<(), RehearseError> {
        let migrations = self.migrations;
        let Some(migration) = migrations.iter().find(|one| one.name == trial.name) else {
            return Ok(());
        };
        let Some(backfill) = migration.backfill.as_ref().map(|one| &one.value) else {
            return Ok(());
        };
        let origin = match &migration.rows {
            Some(path) => Origin::File(path.display().to_string()),
            None => Origin::Generated,
        };
        let tried = Tried {
            migration,
            backfill,
            trial,
            origin,
        };
        if let Some(finding) = self.try_it(database, &tried, settled).await? {
            self.examined.findings.push(finding);
        }
        Ok(())
    }

    /// The finding that ended it, or the last one.
    async fn try_it(
        &mut self,
        database: &Database,
        tried: &Tried<'_>,
        settled: &Snapshot,
    ) -> Result<Option<Finding>, RehearseError> {
        let Tried {
            migration,
            backfill,
            trial,
            origin,
        } = tried;
        // Before its partner, as rows are where it is deployed: what the
        // partner makes of new rows is not what becomes of old ones.
        if self.table(database, backfill).await?.is_none()
            && let Some(finding) = self.go(database, tried, trial.before).await?
        {
            return Ok(Some(finding));
        }
        let Some(table) = self.table(database, backfill).await? else {
            // That it fails is told where it does so without rows.
            return Ok(None);
        };
        let refused = match &migration.rows {
            Some(path) => {
                let run = script::run(&database.target, self.stage.connect_wait, path).await;
                match run {
                    Err(ScriptError::Failed(failed)) => {
                        return Ok(Some(judge::bad_rows(migration, *failed)));
                    }
                    run => run?,
                }
                None
            }
            None => self.fill(database, table).await?,
        };
        if self
            .rows(database, backfill)
            .await?
            .is_none_or(|rows| rows.is_empty())
        {
            let name = backfill.table.to_string();
            let finding = judge::no_rows(migration, &name, origin, refused.as_deref());
            return Ok(Some(finding));
        }
        if let Some(finding) = self.go(database, tried, trial.before).await? {
            return Ok(Some(finding));
        }
        if let Some(finding) = self.run(database, tried).await? {
            return Ok(Some(finding));
        }
        let again = self.again(database, tried).await?;
        self.examined.findings.extend(again);
        if trial.ending.is_some()
            && let Some(finding) = self.go(database, tried, trial.files).await?
        {
            return Ok(Some(finding));
        }
        let full = self.snapshot(database).await?;
        Ok(judge::schema(migration, settled, &full))
    }

    /// Deploys up to `files`; what failed, because there are rows.
    async fn go(
        &mut self,
        database: &Database,
        tried: &Tried<'_>,
        files: usize,
    ) -> Result<Option<Finding>, RehearseError> {
        if files == 0 {
            return Ok(None);
        }
        let deployed = self.deploy(database, files, Until::Settled).await?;
        Ok(self.failed(tried, deployed))
    }

    fn failed(&self, tried: &Tried<'_>, deployed: Deployed) -> Option<Finding> {
        let failed = deployed.failed.into_iter().next()?;
        Some(judge::failed(
            tried.migration,
            tried.trial,
            &failed.diagnostic,
            self.migrations,
            &tried.origin,
        ))
    }

    async fn table(
        &self,
        database: &Database,
        backfill: &Backfill,
    ) -> Result<Option<u32>, RehearseError> {
        let session = self.connect(database).await?;
        let oid = tables::find(&session, &backfill.table).await?;
        session.close().await;
        Ok(oid)
    }

    /// Makes rows; why the last one was refused.
    async fn fill(&self, database: &Database, table: u32) -> Result<Option<String>, RehearseError> {
        let session = self.connect(database).await?;
        let tables = tables::read(&session, table).await?;
        let filled = tables::fill(&session, &tables, rows::WANTED).await?;
        session.close().await;
        Ok(filled.refused)
    }

    async fn rows(
        &self,
        database: &Database,
        backfill: &Backfill,
    ) -> Result<Option<Rows>, RehearseError> {
        let session = self.connect(database).await?;
        let name = tables::quoted(&backfill.table);
        let rows = content(&session, &name, &key(backfill), COMPARED_MAX).await?;
        session.close().await;
        Ok(rows)
    }

    /// The backfill itself, as everywhere but in small batches.
    async fn run(
        &mut self,
        database: &Database,
        tried: &Tried<'_>,
    ) -> Result<Option<Finding>, RehearseError> {
        let (migration, backfill) = (tried.migration, tried.backfill);
        let before = self.rows(database, backfill).await?.unwrap_or_default();
        let count = before.len() as u64;
        let batch_rows = (count / BATCHES).max(1);
        let files = tried.trial.before + 1;
        let deployed = self.deploy_in_batches(database, files, batch_rows).await?;
        let session = self.connect(database).await?;
        let ledger = Ledger::find(&session, &self.stage.project, None).await?;
        let poisoned = ledger.quarantined(&session, &migration.name).await?;
        let cursor = ledger.backfill_cursor(&session, &migration.name).await?;
        let covered = cursor.map(|cursor| cursor.rows);
        session.close().await;
        if let (Some(failed), false) = (deployed.failed.first(), poisoned.is_empty()) {
            let poisoned: Vec<Poisoned> = poisoned
                .into_iter()
                .map(|one| Poisoned {
                    key: one.key,
                    error: one.error,
                })
                .collect();
            let mut place = place(migration);
            place.sqlstate.clone_from(&failed.diagnostic.sqlstate);
            return Ok(Some(judge::poisoned(
                migration,
                &place,
                &poisoned,
                &before,
                &tried.origin,
            )));
        }
        if let Some(finding) = self.failed(tried, deployed) {
            return Ok(Some(finding));
        }
        // It may add rows to its own table, so there may be more.
        let left = count.saturating_sub(covered.unwrap_or(count));
        Ok((left > 0).then(|| {
            let table = backfill.table.to_string();
            judge::left_out(migration, &table, left, &before)
        }))
    }

    /// What a second run would change.
    async fn again(
        &self,
        database: &Database,
        tried: &Tried<'_>,
    ) -> Result<Option<Finding>, RehearseError> {
        let session = self.connect(database).await?;
        let again = again(&session, tried).await?;
        session.close().await;
        let place = place(tried.migration);
        Ok(judge::not_idempotent(tried.migration, &again, &place))
    }
}

/// What is tried.
struct Tried<'a> {
    migration: &'a Migration,
    backfill: &'a Backfill,
    trial: &'a Trial,
    origin: Origin,
}

/// Columns of the key, if rows can be told apart by it for long.
fn key(backfill: &Backfill) -> Vec<String> {
    match &backfill.key {
        Key::Columns(names) => names.clone(),
        Key::Ctid => Vec::new(),
    }
}

/// Its statement; `None` if the file is not what it was.
fn statement(migration: &Migration) -> Option<Placed> {
    let mut pieces = files::statements(migration).ok()?;
    pieces.find_map(|piece| match piece {
        Ok(OwnedPiece::Statement(statement)) => Some(Placed::new(statement, &migration.variables)),
        _ => None,
    })
}

/// A diagnostic at the statement, still without words.
fn place(migration: &Migration) -> Diagnostic {
    let diagnostic = Diagnostic::new(code::FAILS_ON_ROWS, "");
    let Some(placed) = statement(migration) else {
        return diagnostic.source(&migration.source);
    };
    let first = placed.written().lines().next().unwrap_or_default();
    let span = Span::new(placed.span.start, placed.span.start + first.len());
    diagnostic
        .source(&files::excerpt(migration, span, placed.line))
        .label(span, "this statement")
}

/// Runs the statement on all rows once more, and takes that back; what it
/// would have changed.
async fn again(session: &Session, tried: &Tried<'_>) -> Result<Again, Error> {
    let Some(placed) = statement(tried.migration) else {
        return Ok(Again::Same);
    };
    let Ok(template) = Template::new(&placed.text) else {
        return Ok(Again::Same);
    };
    let Some([lower, upper]) = tables::ends(session, tried.backfill).await? else {
        return Ok(Again::Same);
    };
    let filled = template.with(Values {
        lower: &lower,
        upper: &upper,
        includes_lower: true,
    });
    let before = contents(session, tried).await?;
    let first = match once_more(session, tried, &filled.text).await? {
        Ok(first) => first,
        Err(error) => return Ok(Again::Failed(error)),
    };
    let Some((table, change)) = changed(&before, &first) else {
        return Ok(Again::Same);
    };
    // A clock, or a sequence: then no two runs do the same, and nothing is
    // known.
    match once_more(session, tried, &filled.text).await? {
        Ok(second) if changed(&first, &second).is_none() => Ok(Again::Changed { table, change }),
        _ => Ok(Again::Same),
    }
}

/// The tables afterwards, or why it failed.
async fn once_more(
    session: &Session,
    tried: &Tried<'_>,
    sql: &str,
) -> Result<Result<Vec<(String, Rows)>, String>, Error> {
    session.execute("BEGIN").await?;
    let done = match session.execute(sql).await {
        Ok(()) => Ok(contents(session, tried).await?),
        Err(Error::Server(error)) => Err(error.message),
        Err(error) => return Err(error),
    };
    session.execute("ROLLBACK").await?;
    Ok(done)
}

/// The tables that the statement names, each with its rows.
async fn contents(session: &Session, tried: &Tried<'_>) -> Result<Vec<(String, Rows)>, Error> {
    let own = &tried.backfill.table;
    let items = tried.migration.outline.iter().flat_map(|one| &one.items);
    let touches = items
        .filter_map(|item| item.digest.as_ref())
        .flat_map(|digest| &digest.touches);
    let others = touches.filter(|name| !own.may_be(name));
    let mut all: Vec<(String, Rows)> = Vec::new();
    for name in std::iter::once(own).chain(others) {
        if all.iter().any(|(known, _)| *known == name.to_string())
            || tables::find(session, name).await?.is_none()
        {
            continue;
        }
        let key = if name == own {
            key(tried.backfill)
        } else {
            Vec::new()
        };
        let rows = content(session, &tables::quoted(name), &key, COMPARED_MAX).await?;
        all.extend(rows.map(|rows| (name.to_string(), rows)));
    }
    Ok(all)
}

/// The first table that is another one, and how.
fn changed(before: &[(String, Rows)], after: &[(String, Rows)]) -> Option<(String, String)> {
    before
        .iter()
        .zip(after)
        .find_map(|((name, before), (_, after))| {
            let change = before.change(after)?;
            Some((name.clone(), change))
        })
}
