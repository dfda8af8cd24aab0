//! What refuses a transaction block: intent, statement, mark; before and after
//! it the catalogs are looked at.

use std::time::Duration;

use super::clean_up::{clean_up_subject, drop_index};
use super::{Piece, Standalone, StandaloneError, ended_by};
use crate::apply::Event;
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::migration::Kind as MigrationKind;
use crate::postgres::ledger::{Intent, IntentState, NewIntent};
use crate::postgres::{Error, Failure, ServerError, Session, ident, index, timeouts};
use crate::procedure::{CreateIndex, Ended, Looked, Next, Refusal, Trace, Work};
use crate::statement::{Digest, Kind, RelationName, same_index};

/// The last try of a statement, ours or an earlier run's.
pub(super) struct Try {
    id: i64,
    trace: Trace,
    pub(super) relation: Option<u32>,
}

impl From<&Intent> for Try {
    fn from(intent: &Intent) -> Self {
        Self {
            id: intent.id,
            trace: Trace {
                failed: matches!(intent.state, IntentState::Failed(_)),
                indexes_before: intent.indexes_before.clone(),
                target: intent.target,
            },
            relation: intent.relation,
        }
    }
}

/// What a statement is about.
pub(super) struct Subject<'a> {
    pub(super) work: Work,
    pub(super) digest: Option<&'a Digest>,
    pub(super) last: Option<Try>,
}

impl Standalone<'_> {
    /// Runs a statement that refuses a transaction block until it is done or
    /// cannot be.
    pub(super) async fn outside(
        &mut self,
        piece: &Piece,
        open: Option<Intent>,
    ) -> Result<(), StandaloneError> {
        let digest = self.digest(piece);
        let text = &piece.placed.text;
        let mut subject = Subject {
            work: Work::of(digest, text, self.migration.rerunnable),
            digest,
            last: open.as_ref().map(Try::from),
        };
        let mut ended = None;
        let mut error: Option<Box<ServerError>> = None;
        loop {
            let looked = match self.look(&subject, ended).await {
                // No right to look into the namespace, for example: its words
                // are about the statement.
                Err(StandaloneError::Postgres(Error::Server(error))) => {
                    return Err(self.failed(&piece.placed, &error));
                }
                looked => looked?,
            };
            let next = subject.work.next(&looked);
            if !matches!(next, Next::WaitFor { .. }) {
                self.watch.go_on();
            }
            match next {
                Next::Run => {
                    if let Some(error) = error.take() {
                        let cause = error.to_string();
                        self.watch.pause(self.session, &cause).await?;
                    }
                    subject.last = Some(self.write_intent(piece, &looked).await?);
                    let executed = match self.execute(piece, &subject).await {
                        Err(interrupted @ StandaloneError::Interrupted(_)) => {
                            self.clean_up_after_signal(&subject).await;
                            return Err(interrupted);
                        }
                        executed => executed?,
                    };
                    match executed {
                        Ok(()) => ended = Some(Ended::Well),
                        Err(server) => {
                            self.note_try(&subject, &server).await?;
                            let is_curable = server.failure().is_transient();
                            ended = Some(if is_curable {
                                Ended::Curable
                            } else {
                                Ended::Failed
                            });
                            error = Some(server);
                        }
                    }
                }
                Next::Done { reason } => {
                    if let Some(reason) = reason {
                        self.run.events.tell(Event::StatementSkipped {
                            name: self.migration.name.clone(),
                            number: piece.index + 1,
                            reason,
                        });
                    }
                    return self.mark_done(piece, &subject).await;
                }
                Next::WaitFor { pids } => self.wait_for(&looked, &pids).await?,
                Next::Drop { name, .. } => {
                    if let Err(why) = self.drop_index(&name).await? {
                        let Some(error) = error else {
                            return Err(self.failed_to_drop(piece, &name, &why));
                        };
                        let diagnostic = self
                            .try_diagnostic(piece, &subject, &error)
                            .note(format!("it left the invalid index `{name}`, which could not be dropped: {why}"))
                            .help("the next run drops it first");
                        return Err(ended_by(&error, diagnostic));
                    }
                }
                Next::Fail => {
                    let Some(error) = error else {
                        let error = Error::protocol("a statement failed without an error");
                        return Err(error.into());
                    };
                    let diagnostic = self.try_diagnostic(piece, &subject, &error);
                    return Err(ended_by(&error, diagnostic));
                }
                Next::Refuse(refusal) => return Err(self.refuse(piece, refusal)),
            }
        }
    }

    async fn look(
        &self,
        subject: &Subject<'_>,
        ended: Option<Ended>,
    ) -> Result<Looked, StandaloneError> {
        let table = match subject.digest.map(|digest| &digest.kind) {
            Some(Kind::CreateIndexConcurrently { table, .. }) => {
                index::relation(self.session, &sql_name(table)).await?
            }
            _ => None,
        };
        let named = match subject.digest.map(|digest| &digest.kind) {
            Some(Kind::DropIndexConcurrently { indexes, .. }) => match indexes.first() {
                Some(name) => index::relation(self.session, &sql_name(name)).await?,
                None => None,
            },
            _ => None,
        };
        let table = match (&subject.work, named) {
            (Work::DropIndex, named) => match &subject.last {
                // What is meant is known by its OID, whatever has its name now.
                Some(last) if last.trace.target.is_some() => last.relation,
                _ => match named {
                    Some(named) => index::table_of(self.session, named).await?,
                    None => None,
                },
            },
            _ => table,
        };
        look(self.session, subject, table, named, ended).await
    }

    async fn write_intent(
        &mut self,
        piece: &Piece,
        looked: &Looked,
    ) -> Result<Try, StandaloneError> {
        let indexes_before: Vec<u32> = looked.indexes.iter().map(|index| index.oid).collect();
        let relation = looked.table.as_ref().map(|table| table.oid);
        let intent = NewIntent {
            relation,
            indexes_before: &indexes_before,
            target: looked.named,
            ..self.record(piece.index, piece.placed.written())
        };
        let id = self.ledger.write_intent(self.session, &intent).await?;
        Ok(Try {
            id,
            trace: Trace {
                failed: false,
                indexes_before,
                target: looked.named,
            },
            relation,
        })
    }

    /// Runs the statement with the timeouts that are right for it.
    async fn execute(
        &mut self,
        piece: &Piece,
        subject: &Subject<'_>,
    ) -> Result<Result<(), Box<ServerError>>, StandaloneError> {
        // These take ACCESS EXCLUSIVE, and traffic would queue behind them.
        let queues = matches!(
            subject.digest.map(|digest| &digest.kind),
            Some(Kind::Vacuum { full: true, .. } | Kind::Cluster { .. })
        );
        let lock_timeout = queues.then_some(self.lock_timeout);
        let before = timeouts::replace(self.session, lock_timeout).await?;
        let session = &*self.session;
        let sent = session.execute(&piece.placed.text);
        // Of a concurrent migration the tail's own watchdog tells.
        let result = if self.migration.kind == MigrationKind::Concurrent && !queues {
            sent.await
        } else {
            self.watch.guard(session, sent).await?
        };
        let result = match result {
            Ok(()) => Ok(()),
            Err(Error::Server(server)) if !server.failure().is_connection_lost() => Err(server),
            Err(error) => return Err(error.into()),
        };
        let discards = matches!(
            subject.digest.map(|digest| &digest.kind),
            Some(Kind::Discard { .. })
        );
        if discards {
            self.owns_lock_timeout = false;
        } else {
            before.restore(self.session).await?;
        }
        Ok(result)
    }

    /// Drops what a cancelled statement has left, if that can be done soon; if
    /// not, the next run does.
    async fn clean_up_after_signal(&mut self, subject: &Subject<'_>) {
        const PATIENCE: Duration = Duration::from_secs(10);
        self.watch.ignore_signals();
        let cleaning = clean_up_subject(
            self.run,
            self.session,
            &mut self.watch,
            &self.migration.name,
            Some(&self.migration.source),
            subject,
        );
        match tokio::time::timeout(PATIENCE, cleaning).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what was left could not be removed"),
            Err(_) => tracing::warn!("what was left could not be removed in time"),
        }
    }

    async fn note_try(
        &mut self,
        subject: &Subject<'_>,
        error: &ServerError,
    ) -> Result<(), StandaloneError> {
        let Some(last) = &subject.last else {
            return Ok(());
        };
        let state = IntentState::Failed(error.to_string());
        Ok(self
            .ledger
            .end_intent(self.session, last.id, &state)
            .await?)
    }

    async fn mark_done(
        &mut self,
        piece: &Piece,
        subject: &Subject<'_>,
    ) -> Result<(), StandaloneError> {
        let is_last = self.is_last(piece.index);
        let mut statements = if let Some(last) = &subject.last {
            vec![self.ledger.end_intent_sql(last.id, &IntentState::Done)]
        } else {
            let done = [self.record(piece.index, piece.placed.written())];
            self.ledger.done_sql(self.session, &done)
        };
        if is_last {
            statements.extend(self.ledger.end_begun_sql(&self.applied()));
        }
        self.ledger
            .transact_as_ourselves(self.session, &statements)
            .await?;
        self.is_recorded |= is_last;
        Ok(())
    }

    async fn wait_for(&mut self, looked: &Looked, pids: &[i32]) -> Result<(), StandaloneError> {
        let table = looked.table.as_ref();
        let name = table.map_or("the table", |table| table.name.as_str());
        self.watch.wait_for(self.session, name, pids).await
    }

    /// Drops what a try has left invalid; the server's reason if it cannot.
    async fn drop_index(&mut self, name: &str) -> Result<Result<(), String>, StandaloneError> {
        drop_index(
            self.run,
            self.session,
            &mut self.watch,
            &self.migration.name,
            name,
        )
        .await
    }

    fn failed_to_drop(&self, piece: &Piece, name: &str, why: &str) -> StandaloneError {
        let placed = &piece.placed;
        let diagnostic = Diagnostic::new(
            code::HALF_WAY,
            format!("`{name}`, which an earlier try has left invalid, could not be dropped"),
        )
        .source(&files::excerpt(self.migration, placed.span, placed.line))
        .label(placed.span, "to be run again after that")
        .note(why.to_owned())
        .help(format!(
            "`DROP INDEX CONCURRENTLY {name};`, then run segue again"
        ));
        StandaloneError::Failed(Box::new(diagnostic))
    }

    fn refuse(&self, piece: &Piece, refusal: Refusal) -> StandaloneError {
        let placed = &piece.placed;
        let mut diagnostic = Diagnostic::new(code::HALF_WAY, refusal.message)
            .source(&files::excerpt(self.migration, placed.span, placed.line))
            .label(placed.span, refusal.label);
        for note in refusal.notes {
            diagnostic = diagnostic.note(note);
        }
        StandaloneError::Failed(Box::new(diagnostic.help(refusal.help)))
    }

    /// The error that a try ended with.
    fn try_diagnostic(
        &self,
        piece: &Piece,
        subject: &Subject<'_>,
        error: &ServerError,
    ) -> Diagnostic {
        let diagnostic = self.diagnostic(&piece.placed, error);
        match (&subject.work, error.failure()) {
            (Work::CreateIndex(_), Failure::UniqueViolation) => diagnostic
                .note("the invalid index that it left has been dropped: it would have refused new duplicates, and cost every write")
                .help("remove the duplicates, then run segue again"),
            _ => diagnostic,
        }
    }
}

/// Facts about a subject; `table` and `named` are what its statement means.
pub(super) async fn look(
    session: &Session,
    subject: &Subject<'_>,
    table: Option<u32>,
    named: Option<u32>,
    ended: Option<Ended>,
) -> Result<Looked, StandaloneError> {
    let mut looked = Looked {
        server_version: session.server_version(),
        named,
        ended,
        ..Looked::default()
    };
    // An intent about another table, since dropped or renamed, says nothing of
    // the indexes of this one.
    looked.intent = subject
        .last
        .as_ref()
        .filter(|last| last.relation == table || matches!(subject.work, Work::Other(_)))
        .map(|last| last.trace.clone());
    if let Some(oid) = table {
        looked.table = index::table(session, oid).await?;
        looked.holders = index::holders(session, oid).await?;
        let is_same = |definition: &str| match &subject.work {
            Work::CreateIndex(CreateIndex { sql, .. }) => same_index(sql, definition),
            _ => None,
        };
        looked.indexes = index::indexes(session, oid, is_same).await?;
    }
    Ok(looked)
}

/// A name as the server reads it.
fn sql_name(name: &RelationName) -> String {
    match &name.namespace {
        Some(namespace) => format!("{}.{}", ident(namespace), ident(&name.name)),
        None => ident(&name.name),
    }
}
