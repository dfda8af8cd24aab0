//! What PostgreSQL allows in a transaction: run in one, with the row that says
//! so, and thus exactly once, whatever dies.

use bytes::Bytes;

use super::reader::Reader;
use super::resume::chains;
use super::{Piece, Standalone, StandaloneError, Step, first_line};
use crate::apply::batch::CUT_SHORT;
use crate::apply::failure::Placed;
use crate::apply::{Event, Isolation};
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::postgres::ledger::{Intent, NewIntent};
use crate::postgres::stall::CopyWatch;
use crate::postgres::{Error, Failure, settings, timeouts};
use crate::statement::{Digest, Kind, TransactionControl};

/// How a statement in a transaction of its own ended.
enum Tried {
    Done,
    /// Rolled back, and paused.
    Again,
    /// The server refuses it in a transaction block; rolled back.
    Refused,
}

/// What a transaction may do. One that may only read takes no row of the
/// ledger: that follows in another, and in between the statements may run
/// again, which harms nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadWrite,
    ReadOnly,
}

/// A statement of the file's own transaction.
struct Ran {
    index: usize,
    sql: String,
}

impl Standalone<'_> {
    /// Runs the next statement, or the transaction that it begins.
    pub(super) async fn step(
        &mut self,
        reader: &mut Reader,
        piece: Piece,
        is_chained: bool,
        open: &mut Option<Intent>,
    ) -> Result<Step, StandaloneError> {
        let open = open.take();
        self.note_lock_timeout(&piece.placed.text);
        if self.is_of_real_servers(&piece) {
            return self.pass_over(&piece).await;
        }
        let refuses = self
            .digest(&piece)
            .is_some_and(Digest::refuses_transaction_block);
        match piece.class.control {
            _ if is_chained => return Box::pin(self.block(reader, piece, true)).await,
            Some(TransactionControl::Begin) => {
                return Box::pin(self.block(reader, piece, false)).await;
            }
            Some(TransactionControl::CommitPrepared | TransactionControl::RollbackPrepared) => {}
            // Without a transaction these are warnings or errors, and nothing
            // else: the server's words.
            Some(_) => {
                self.autocommit(&piece).await?;
                return Ok(Step::Done(1));
            }
            // An earlier try has found out that it refuses.
            None if refuses || open.is_some() => {}
            None => match self.transaction(reader, &piece).await? {
                Tried::Done => return Ok(Step::Done(1)),
                Tried::Again => return Ok(Step::Again),
                Tried::Refused => {}
            },
        }
        // Names that the catalogs tell may not fit into the file's encoding.
        self.file_encoding = settings::replace_encoding(self.session).await?;
        self.outside(&piece, open).await?;
        if let Some(encoding) = self.file_encoding.take() {
            self.session.execute(&settings::encoding(&encoding)).await?;
        }
        Ok(Step::Done(1))
    }

    /// Whether the statement is about databases of the server that the file
    /// names, in a run on one of segue's own, where there is only the database
    /// at hand.
    fn is_of_real_servers(&self, piece: &Piece) -> bool {
        let is_about_databases = self.digest(piece).is_some_and(|digest| {
            matches!(
                digest.kind,
                Kind::CreateDatabase { .. }
                    | Kind::DropDatabase { .. }
                    | Kind::AlterDatabaseTablespace { .. }
                    | Kind::CreateTablespace { .. }
                    | Kind::DropTablespace { .. }
            )
        });
        self.run.target.is_own() && self.migration.connection.is_some() && is_about_databases
    }

    /// Counts a statement as done without running it.
    async fn pass_over(&mut self, piece: &Piece) -> Result<Step, StandaloneError> {
        self.run.events.tell(Event::StatementSkipped {
            name: self.migration.name.clone(),
            number: piece.index + 1,
            reason: "databases are those of real servers".to_owned(),
        });
        let sql = first_line(piece.placed.written());
        self.record_ran(&[Ran {
            index: piece.index,
            sql,
        }])
        .await?;
        Ok(Step::Done(1))
    }

    /// A file's own choice of `lock_timeout` holds until it is reset.
    pub(super) fn note_lock_timeout(&mut self, sql: &str) {
        if settings::may_set_lock_timeout(sql) {
            self.owns_lock_timeout = true;
        }
    }

    /// Statements, one message, that bound what the transaction of `piece` may
    /// do to others.
    pub(super) async fn bounds(&self, piece: &Piece) -> Result<String, Error> {
        let mut sql = settings::idle_in_transaction_local();
        if let Some(timeout) = self.bound_lock_waits(piece).await? {
            sql.push(';');
            sql.push_str(&timeout);
        }
        Ok(sql)
    }

    /// The statement that bounds how long `piece` may wait in a lock queue,
    /// where others would queue behind it; `None` if the file decides.
    ///
    /// A function that a SELECT calls, or what EXECUTE executes, may do
    /// anything. That INSERT and its like fire triggers which do is left out:
    /// they wait for rows, and for as long as that takes.
    async fn bound_lock_waits(&self, piece: &Piece) -> Result<Option<String>, Error> {
        const ROWS_ONLY: [&str; 6] = ["COPY", "DELETE", "INSERT", "MERGE", "UPDATE", "WITH"];
        let word = piece.class.keywords.split(' ').next().unwrap_or_default();
        if ROWS_ONLY.contains(&word) {
            return Ok(None);
        }
        if !self.owns_lock_timeout {
            return Ok(Some(timeouts::lock_timeout_local(self.lock_timeout)));
        }
        // Beside a build even the file's own choice is too long: the build
        // would die of a deadlock.
        if settings::is_building(self.session).await? {
            let longest = settings::lock_wait_max(self.session).await?;
            return Ok(Some(timeouts::cap_lock_timeout_local(longest)));
        }
        Ok(None)
    }

    /// `BEGIN; statement; ledger; COMMIT`
    async fn transaction(
        &mut self,
        reader: &mut Reader,
        piece: &Piece,
    ) -> Result<Tried, StandaloneError> {
        let begin = Isolation::begin(self.run.settings.isolation);
        let begin = format!("{begin};{}", self.bounds(piece).await?);
        self.session.execute(&begin).await?;
        let result = match self.send(reader, piece).await? {
            Ok(()) => {
                let sql = first_line(piece.placed.written());
                let done = [self.record(piece.index, &sql)];
                let statements = self.commit_sql(&done, self.ends_with(piece.index));
                match self.before_rows().await {
                    Ok(Access::ReadWrite) => self.session.execute(&statements.join(";\n")).await,
                    Ok(Access::ReadOnly) => {
                        self.session.execute("COMMIT").await?;
                        let index = piece.index;
                        self.record_ran(&[Ran { index, sql }]).await?;
                        return Ok(Tried::Done);
                    }
                    Err(error) => Err(error),
                }
            }
            Err(error) => {
                let refuses = matches!(
                    error.failure(),
                    Failure::ActiveTransaction | Failure::InvalidTermination
                );
                if refuses && !piece.is_copy {
                    self.session.execute("ROLLBACK").await?;
                    return Ok(Tried::Refused);
                }
                Err(error)
            }
        };
        match result {
            Ok(()) => {
                self.is_recorded |= self.ends_with(piece.index);
                Ok(Tried::Done)
            }
            Err(error) => {
                self.roll_back(&piece.placed, error).await?;
                Ok(Tried::Again)
            }
        }
    }

    /// What ends a transaction that ran `done`: rows, and COMMIT.
    fn commit_sql(&self, done: &[NewIntent<'_>], is_last: bool) -> Vec<String> {
        let mut statements = self.ledger.done_sql(self.session, done);
        if is_last {
            statements.extend(self.ledger.end_begun_sql(&self.applied()));
        }
        statements.push("COMMIT".to_owned());
        statements
    }

    /// Deferred constraints fail as an error of the statement, and their
    /// triggers run as the role that caused them. The rows that follow are in
    /// UTF-8, whatever the file has set: a name in another encoding would be
    /// another name. A message of its own, since the server reads all of one
    /// in the same encoding.
    pub(super) async fn before_rows(&mut self) -> Result<Access, Error> {
        let access = self
            .session
            .value("SET CONSTRAINTS ALL IMMEDIATE;SET LOCAL client_encoding = 'UTF8';SHOW transaction_read_only")
            .await
            .map_err(without_position)?;
        Ok(match access.as_deref() {
            Some("on") => Access::ReadOnly,
            _ => Access::ReadWrite,
        })
    }

    /// Sends a statement, its data if it is a COPY; the server's answer.
    async fn send(
        &mut self,
        reader: &mut Reader,
        piece: &Piece,
    ) -> Result<Result<(), Error>, StandaloneError> {
        let session = &*self.session;
        let text = &piece.placed.text;
        if (piece.is_copy || piece.placed.copy_to_stdout) && self.copies.is_none() {
            self.copies = Some(CopyWatch::of(session).await);
        }
        if piece.placed.copy_to_stdout {
            let sent = session.copy_out(text);
            return self.watch.guard_beside_builds(session, sent).await;
        }
        if !piece.is_copy {
            let sent = session.execute(text);
            let result = self.watch.guard_beside_builds(session, sent).await?;
            if piece.placed.resets_strings && result.is_ok() {
                session.execute(&settings::after_reset(text)).await?;
            }
            return Ok(result);
        }
        let mut copy = match self.watch.guard(session, session.copy_in(text)).await? {
            Ok(copy) => copy,
            Err(error) => return Ok(Err(error)),
        };
        while let Some(data) = reader.data().await? {
            let sent = self
                .watch
                .guard(session, copy.send(Bytes::from(data)))
                .await?;
            if sent.is_err() {
                // The server's own reason comes with the end of the data.
                break;
            }
        }
        let finished = self.watch.guard(session, copy.finish()).await?;
        Ok(finished.map(|_| ()))
    }

    /// Rolls back after an error and pauses, if another try may cure it.
    pub(super) async fn roll_back(
        &mut self,
        placed: &Placed,
        error: Error,
    ) -> Result<(), StandaloneError> {
        let Error::Server(server) = error else {
            return Err(error.into());
        };
        if server.failure().is_connection_lost() {
            return Err(StandaloneError::ConnectionLost(server.message));
        }
        self.session.execute("ROLLBACK").await?;
        let was_cut_short = server.failure() == Failure::Cancelled && self.watch.was_cut_short();
        if (server.failure().is_transient() || was_cut_short) && self.may_retry() {
            let cause = if was_cut_short {
                CUT_SHORT.to_owned()
            } else {
                server.to_string()
            };
            return self.watch.pause(self.session, &cause).await;
        }
        Err(self.failed(placed, &server))
    }

    /// Runs a statement as it is, then records it.
    async fn autocommit(&mut self, piece: &Piece) -> Result<(), StandaloneError> {
        let session = &*self.session;
        let text = &piece.placed.text;
        match self.watch.guard(session, session.execute(text)).await? {
            Ok(()) => {}
            Err(Error::Server(error)) if !error.failure().is_connection_lost() => {
                return Err(self.failed(&piece.placed, &error));
            }
            Err(error) => return Err(error.into()),
        }
        let ran = Ran {
            index: piece.index,
            sql: first_line(piece.placed.written()),
        };
        self.record_ran(&[ran]).await
    }

    /// Records statements in a transaction of its own.
    async fn record_ran(&mut self, ran: &[Ran]) -> Result<(), StandaloneError> {
        let is_last = ran.last().is_some_and(|last| self.ends_with(last.index));
        let mut statements = self.ledger.done_sql(self.session, &self.records(ran));
        if is_last {
            statements.extend(self.ledger.end_begun_sql(&self.applied()));
        }
        self.ledger
            .transact_as_ourselves(self.session, &statements)
            .await?;
        self.is_recorded |= is_last;
        Ok(())
    }

    fn records<'b>(&'b self, ran: &'b [Ran]) -> Vec<NewIntent<'b>> {
        ran.iter()
            .map(|one| self.record(one.index, &one.sql))
            .collect()
    }

    /// The file's own transaction, from `first` to its end: the ledger's rows
    /// are written before its COMMIT.
    async fn block(
        &mut self,
        reader: &mut Reader,
        first: Piece,
        is_chained: bool,
    ) -> Result<Step, StandaloneError> {
        let began_at = first.index;
        let bounds = self.bounds(&first).await?;
        if is_chained {
            let begin = Isolation::begin(self.run.settings.isolation);
            let begin = format!("{begin};{bounds}");
            self.session.execute(&begin).await?;
        }
        let mut ran: Vec<Ran> = Vec::new();
        let mut recorded = 0;
        let mut piece = first;
        loop {
            let ended = self.block_statement(reader, &piece, &bounds, &mut ran);
            match ended.await? {
                Ok(ended) => {
                    if ended {
                        recorded = piece.index + 1 - began_at;
                        ran.clear();
                        if !chains(&piece.placed.text) {
                            return Ok(Step::Done(recorded));
                        }
                        self.session.execute(&bounds).await?;
                    }
                }
                Err(error) => {
                    self.roll_back(&piece.placed, error).await?;
                    // What a chained COMMIT has kept is not run again.
                    return Ok(match recorded {
                        0 => Step::Again,
                        recorded => Step::Done(recorded),
                    });
                }
            }
            let index = piece.index + 1;
            piece = match reader.statement().await? {
                Some(statement) => self.piece(index, statement)?,
                None => return Err(self.refuse_unfinished(&piece).await?),
            };
            self.note_lock_timeout(&piece.placed.text);
        }
    }

    /// One statement of the file's own transaction; whether it has ended it.
    async fn block_statement(
        &mut self,
        reader: &mut Reader,
        piece: &Piece,
        bounds: &str,
        ran: &mut Vec<Ran>,
    ) -> Result<Result<bool, Error>, StandaloneError> {
        ran.push(Ran {
            index: piece.index,
            sql: first_line(piece.placed.written()),
        });
        let control = piece.class.control;
        if control == Some(TransactionControl::Commit) {
            return self.commit_block(piece, ran).await;
        }
        if control == Some(TransactionControl::Prepare)
            && let Err(error) = self.announce_prepare(ran[0].index, piece).await
        {
            return Ok(Err(error));
        }
        if let Err(error) = self.send(reader, piece).await? {
            return Ok(Err(error));
        }
        match control {
            Some(TransactionControl::Begin) => {
                self.session.execute(bounds).await?;
                Ok(Ok(false))
            }
            Some(TransactionControl::Rollback | TransactionControl::Prepare) => {
                self.record_ended(piece, ran, Access::ReadWrite).await?;
                Ok(Ok(true))
            }
            _ => Ok(Ok(false)),
        }
    }

    /// Records what a transaction of the file's own did that has ended without
    /// the ledger's rows; the next one may be open already.
    async fn record_ended(
        &mut self,
        piece: &Piece,
        ran: &[Ran],
        access: Access,
    ) -> Result<(), StandaloneError> {
        if !chains(&piece.placed.text) {
            return self.record_ran(ran).await;
        }
        // The rows need a transaction of their own.
        self.session.execute("ROLLBACK").await?;
        self.record_ran(ran).await?;
        let begin = match access {
            Access::ReadWrite => Isolation::begin(self.run.settings.isolation),
            Access::ReadOnly => "BEGIN READ ONLY".to_owned(),
        };
        Ok(self.session.execute(&begin).await?)
    }

    /// The file's COMMIT, with the ledger's rows before it.
    async fn commit_block(
        &mut self,
        piece: &Piece,
        ran: &[Ran],
    ) -> Result<Result<bool, Error>, StandaloneError> {
        match self.before_rows().await {
            Ok(Access::ReadWrite) => Ok(self.commit_with_rows(piece, ran).await.map(|()| true)),
            Ok(Access::ReadOnly) => {
                if let Err(error) = self.session.execute(&piece.placed.text).await {
                    return Ok(Err(error));
                }
                self.record_ended(piece, ran, Access::ReadOnly).await?;
                Ok(Ok(true))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn commit_with_rows(&mut self, piece: &Piece, ran: &[Ran]) -> Result<(), Error> {
        let is_last = self.ends_with(piece.index);
        let mut statements = self.commit_sql(&self.records(ran), is_last);
        statements.pop();
        self.session.execute(&statements.join(";\n")).await?;
        self.session.execute(&piece.placed.text).await?;
        self.is_recorded |= is_last;
        Ok(())
    }

    /// The file ends inside its own transaction.
    async fn refuse_unfinished(
        &mut self,
        last: &Piece,
    ) -> Result<StandaloneError, StandaloneError> {
        self.session.execute("ROLLBACK").await?;
        let diagnostic = Diagnostic::new(
            code::UNFINISHED_TRANSACTION,
            format!("`{}` ends inside its own transaction", self.migration.name),
        )
        .source(&files::excerpt(
            self.migration,
            last.placed.span,
            last.placed.line,
        ))
        .label(last.placed.span, "the last statement")
        .note("that transaction was rolled back")
        .help("end it with COMMIT");
        Ok(StandaloneError::Failed(Box::new(diagnostic)))
    }
}

/// A position counts in what was sent, which here is no text of the file.
pub(super) fn without_position(error: Error) -> Error {
    match error {
        Error::Server(mut server) => {
            server.position = None;
            Error::Server(server)
        }
        error => error,
    }
}
