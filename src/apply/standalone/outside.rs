//! What refuses a transaction block: intent, statement, mark; before and after
//! it the catalogs are looked at.

use std::time::Duration;

use super::clean_up::{clean_up_subject, drop_index, finalize};
use super::look::{By, Subject, Try};
use super::partitioned::Extent;
use super::resume::Resume;
use super::{Piece, Standalone, StandaloneError, ended_by};
use crate::apply::{Answer, Event, Verdict};
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::migration::Kind as MigrationKind;
use crate::postgres::ledger::{Intent, IntentState, NewIntent};
use crate::postgres::{Error, Failure, ServerError, settings, timeouts};
use crate::procedure::partitioned_index::Notes;
use crate::procedure::{Ended, Looked, Next, Refusal, Trace, Work};
use crate::statement::Kind;

impl<'a> Standalone<'a> {
    /// Runs a statement that refuses a transaction block until it is done or
    /// cannot be.
    pub(super) async fn outside(
        &mut self,
        piece: &Piece,
        open: Option<Intent>,
    ) -> Result<(), StandaloneError> {
        let mut subject = self.subject(piece, open.as_ref());
        let mut ended = None;
        let mut error: Option<Box<ServerError>> = None;
        loop {
            let looked = match subject.look(self.session, By::Name, ended).await {
                // No right to look into the namespace, for example: its words
                // are about the statement.
                Err(StandaloneError::Postgres(Error::Server(error))) => {
                    return Err(self.failed(&piece.placed, &error));
                }
                looked => looked?,
            };
            if looked.intent.is_none() && subject.last.is_some() {
                self.give_up_other(&mut subject).await?;
                continue;
            }
            let next = subject.work.next(&looked);
            if !matches!(next, Next::WaitFor { .. }) {
                self.watch.go_on();
                self.refuse_answer(piece, &next)?;
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
                            ended = Some(self.ended(&server));
                            error = Some(server);
                        }
                    }
                }
                Next::Done { reason } => {
                    if let Some(reason) = reason {
                        self.tell_skipped(piece, reason);
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
                Next::Finalize { parent, partition } => {
                    self.finalize(piece, &parent, &partition).await?;
                }
                Next::Expand => return Box::pin(self.expand(piece, subject, &looked)).await,
                Next::Refuse(refusal) => return Err(self.refuse(piece, refusal)),
                Next::Ask(refusal) => {
                    let Some(answer) = self.answer(piece) else {
                        return Err(self.ask(piece, refusal));
                    };
                    match answer.verdict {
                        // What that try has done is known now.
                        Verdict::Redo => subject.last = None,
                        Verdict::Done => {
                            self.tell_skipped(piece, "`--done` says so".to_owned());
                            return self.mark_done(piece, &subject).await;
                        }
                    }
                }
            }
        }
    }

    fn subject(&self, piece: &Piece, open: Option<&Intent>) -> Subject<'a> {
        let digest = self.digest(piece);
        Subject {
            work: Work::of(digest, &piece.placed.text, self.migration.rerunnable),
            digest,
            last: open.map(Try::from),
            was_interrupted: open.is_some_and(|open| open.state == IntentState::Begun),
        }
    }

    /// Removes what the last try has left on another table than the one that
    /// the statement's names mean now: nobody would come back to it.
    async fn give_up_other(&mut self, subject: &mut Subject<'_>) -> Result<(), StandaloneError> {
        clean_up_subject(
            self.run,
            self.session,
            &mut self.watch,
            &self.migration.name,
            Some(&self.migration.source),
            subject,
            Extent::All,
        )
        .await?;
        if let Some(last) = subject.last.take() {
            self.ledger
                .end_intent(self.session, last.id, &IntentState::GivenUp)
                .await?;
        }
        Ok(())
    }

    fn tell_skipped(&self, piece: &Piece, reason: String) {
        self.run.events.tell(Event::StatementSkipped {
            name: self.migration.name.clone(),
            number: piece.index + 1,
            reason,
        });
    }

    /// An answer to what can be found out by looking may be wrong.
    fn refuse_answer(&self, piece: &Piece, next: &Next) -> Result<(), StandaloneError> {
        let answer = match next {
            Next::Ask(_) => None,
            _ => self.answer(piece),
        };
        match answer {
            Some(answer) => {
                Err(self.unasked(&answer, "segue can see what became of this statement"))
            }
            None => Ok(()),
        }
    }

    /// Refuses an answer about a statement that was not interrupted.
    pub(super) fn refuse_unasked(&self, resume: &Resume) -> Result<(), StandaloneError> {
        let answers = &self.run.settings.answers;
        match answers.about(&self.migration.name) {
            Some(answer) if resume.open.is_none() || answer.number != resume.next + 1 => {
                Err(self.unasked(&answer, "this statement, as it is now, was not interrupted"))
            }
            _ => Ok(()),
        }
    }

    fn unasked(&self, answer: &Answer, why: &str) -> StandaloneError {
        let diagnostic = Diagnostic::new(
            code::HALF_WAY,
            format!(
                "`{} {}:{}` answers a question that is not asked",
                answer.verdict.option(),
                answer.name,
                answer.number
            ),
        );
        let diagnostic = match self.items.get(answer.number - 1) {
            Some(item) => diagnostic
                .source(&files::excerpt(self.migration, item.span, item.line))
                .label(item.span, why),
            None => diagnostic.source(&self.migration.source),
        };
        StandaloneError::Failed(Box::new(diagnostic.help(
            "leave it out: what segue cannot find out by itself it asks for, with the option to type",
        )))
    }

    /// What the user says of this statement; the answer is taken.
    fn answer(&self, piece: &Piece) -> Option<Answer> {
        let answers = &self.run.settings.answers;
        answers.take(&self.migration.name, piece.index + 1)
    }

    pub(super) async fn write_intent(
        &mut self,
        piece: &Piece,
        looked: &Looked,
    ) -> Result<Try, StandaloneError> {
        let indexes_before: Vec<u32> = looked.indexes.iter().map(|index| index.oid).collect();
        let relation = looked.table.as_ref().map(|table| table.oid);
        let before = looked.before();
        let intent = NewIntent {
            relation,
            indexes_before: &indexes_before,
            target: looked.named,
            before: before.clone(),
            ..self.record(piece.index, piece.placed.written())
        };
        let id = self.ledger.write_intent(self.session, &intent).await?;
        Ok(Try {
            id,
            trace: Trace {
                failed: false,
                indexes_before,
                target: looked.named,
                before,
            },
            relation,
            notes: Notes::default(),
        })
    }

    /// What an error means for the statement.
    fn ended(&self, error: &ServerError) -> Ended {
        if error.failure().is_transient() && self.may_retry() {
            Ended::Curable
        } else {
            Ended::Failed
        }
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
            Some(
                Kind::Vacuum { full: true, .. }
                    | Kind::Cluster { .. }
                    | Kind::Reindex {
                        concurrently: false,
                        ..
                    }
            )
        );
        let lock_timeout = queues.then_some(self.lock_timeout);
        let before = timeouts::replace(self.session, lock_timeout).await?;
        let session = &*self.session;
        if let Some(encoding) = &self.file_encoding {
            session.execute(&settings::encoding(encoding)).await?;
        }
        let sent = session.execute(&piece.placed.text);
        // Of a concurrent migration the tail's own watchdog tells.
        let result = if self.migration.kind == MigrationKind::Concurrent && !queues {
            Ok(sent.await)
        } else {
            self.watch.guard(session, sent).await
        };
        if self.file_encoding.is_some() && !session.is_lost() {
            session.execute(&settings::encoding("UTF8")).await?;
        }
        let result = match result? {
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
            self.file_encoding = None;
        } else {
            before.restore(self.session).await?;
        }
        if piece.placed.resets_strings && result.is_ok() {
            let sql = settings::after_reset(&piece.placed.text);
            self.session.execute(&sql).await?;
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
            Extent::All,
        );
        match tokio::time::timeout(PATIENCE, cleaning).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what was left could not be removed"),
            Err(_) => tracing::warn!("what was left could not be removed in time"),
        }
    }

    pub(super) async fn note_try(
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

    pub(super) async fn mark_done(
        &mut self,
        piece: &Piece,
        subject: &Subject<'_>,
    ) -> Result<(), StandaloneError> {
        let is_last = self.ends_with(piece.index);
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
        if let Some(table) = table {
            let relation = (table.oid, name);
            self.watch
                .yield_to_holders(self.session, relation, pids)
                .await?;
        }
        self.watch.wait_for(self.session, name, pids).await
    }

    /// Drops what a try has left invalid; the server's reason if it cannot.
    pub(super) async fn drop_index(
        &mut self,
        name: &str,
    ) -> Result<Result<(), String>, StandaloneError> {
        drop_index(
            self.run,
            self.session,
            &mut self.watch,
            &self.migration.name,
            name,
        )
        .await
    }

    /// Brings a half-done DETACH to its end, as soon as the lock can be had.
    async fn finalize(
        &mut self,
        piece: &Piece,
        parent: &str,
        partition: &str,
    ) -> Result<(), StandaloneError> {
        let finalized = finalize(
            self.run,
            self.session,
            &mut self.watch,
            &self.migration.name,
            self.lock_timeout,
            (parent, partition),
        );
        match finalized.await? {
            Ok(()) => Ok(()),
            Err(why) => {
                let placed = &piece.placed;
                let diagnostic = not_finalized(parent, partition, why)
                    .source(&files::excerpt(self.migration, placed.span, placed.line))
                    .label(placed.span, "half done");
                Err(StandaloneError::Failed(Box::new(diagnostic)))
            }
        }
    }

    pub(super) fn failed_to_drop(&self, piece: &Piece, name: &str, why: &str) -> StandaloneError {
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

    /// Asks what became of an earlier try.
    fn ask(&self, piece: &Piece, refusal: Refusal) -> StandaloneError {
        let statement = format!("{}:{}", self.migration.name, piece.index + 1);
        let again = if self.migration.name.reverted().is_some() {
            "segue revert --to …"
        } else {
            "segue up"
        };
        let refusal = Refusal {
            help: format!(
                "{}; then `{again} --redo {statement}` runs it again, or `{again} --done {statement}` goes on after it; `-- segue: rerunnable` at the top of the file says that it may always run again",
                refusal.help
            ),
            ..refusal
        };
        self.refuse(piece, refusal)
    }

    pub(super) fn refuse(&self, piece: &Piece, refusal: Refusal) -> StandaloneError {
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
            (Work::DetachPartition, Failure::NotInPrerequisiteState) if error.hint.is_none() => {
                diagnostic.help("detach it without CONCURRENTLY, which takes ACCESS EXCLUSIVE for a moment, or detach the default partition first")
            }
            (Work::Object(object), _) if subject.was_interrupted => match object.advice() {
                Some(advice) => diagnostic.note(advice),
                None => diagnostic,
            },
            (Work::CreateIndex(_), Failure::UniqueViolation) => diagnostic
                .note("the invalid index that it left has been dropped: it would have refused new duplicates, and cost every write")
                .help("remove the duplicates, then run segue again"),
            _ => diagnostic,
        }
    }
}

/// A DETACH that could not be brought to its end.
pub(super) fn not_finalized(parent: &str, partition: &str, why: String) -> Diagnostic {
    Diagnostic::new(
        code::HALF_WAY,
        format!("`{partition}` is half detached from `{parent}`, and that could not be ended"),
    )
    .note(why)
    .note(format!(
        "until then no row goes to `{partition}`, and queries on `{parent}` do not see those that it has"
    ))
    .help(format!(
        "`ALTER TABLE {parent} DETACH PARTITION {partition} FINALIZE;`, then run segue again"
    ))
}
