//! `PREPARE TRANSACTION` in a file's own transaction: neither can the ledger's
//! rows be a part of what is prepared, for they would be undone with it, nor
//! would another try succeed. So the transaction's number is written down from
//! a second session first, and the server asked about it later.

use std::time::Duration;

use super::reader::Reader;
use super::resume::fingerprint_of;
use super::{Piece, Standalone, StandaloneError, first_line};
use crate::apply::Event;
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::postgres::ledger::{Intent, IntentState};
use crate::postgres::transaction::{self, Status};
use crate::postgres::{Error, object};
use crate::procedure::object::{Act, Class, Object};
use crate::procedure::prepare_transaction::{self, Fate};
use crate::procedure::{Before, Next};
use crate::statement::gid;

impl Standalone<'_> {
    /// Writes the intent of a PREPARE TRANSACTION that is about to be sent.
    /// Its transaction began with the statement of index `first`.
    pub(super) async fn announce_prepare(
        &mut self,
        first: usize,
        piece: &Piece,
    ) -> Result<(), Error> {
        let transaction = transaction::current_id(self.session).await?;
        let second = self.session.sibling(Duration::ZERO).await?;
        let mut intent = self.record(piece.index, &piece.placed.text);
        let block = fingerprint_of(&self.items[first..=piece.index]);
        intent.before = Before {
            transaction: Some(transaction),
            block: Some(block.to_string()),
            ..Before::default()
        };
        self.ledger.write_intent(&second, &intent).await?;
        second.close().await;
        Ok(())
    }

    /// Where the file goes on, if the transaction that begins at `next` was
    /// about to be prepared: after it, if it was.
    pub(super) async fn after_prepared(
        &mut self,
        next: usize,
        intent: &Intent,
    ) -> Result<usize, StandaloneError> {
        let fate = self.fate(intent).await?;
        let name = &self.migration.name;
        let Next::Done { reason } = prepare_transaction::next(fate) else {
            self.ledger
                .end_intent(self.session, intent.id, &IntentState::GivenUp)
                .await?;
            return Ok(next);
        };
        let block = fingerprint_of(&self.items[next..=intent.statement]).to_string();
        if intent.before.block.as_ref() != Some(&block) {
            return Err(self.refuse_prepared(next, intent));
        }
        let mut reader = Reader::open(self.migration);
        let mut texts = Vec::new();
        for index in 0..=intent.statement {
            let Some(statement) = reader.statement().await? else {
                break;
            };
            if index >= next {
                texts.push((index, first_line(&statement.text)));
            }
        }
        let done: Vec<_> = texts
            .iter()
            .map(|(index, sql)| self.record(*index, sql))
            .collect();
        let is_last = self.ends_with(intent.statement);
        let mut statements = self.ledger.done_sql(self.session, &done);
        if is_last {
            statements.extend(self.ledger.end_begun_sql(&self.applied()));
        }
        self.ledger
            .transact_as_ourselves(self.session, &statements)
            .await?;
        self.is_recorded |= is_last;
        if let Some(reason) = reason {
            self.run.events.tell(Event::StatementSkipped {
                name: name.clone(),
                number: intent.statement + 1,
                reason,
            });
        }
        Ok(intent.statement + 1)
    }

    /// What has been prepared was another text.
    fn refuse_prepared(&self, next: usize, intent: &Intent) -> StandaloneError {
        let item = &self.items[next];
        let diagnostic = Diagnostic::new(
            code::CHANGED_WHILE_BEGUN,
            format!(
                "a transaction of `{}` was prepared with other statements",
                self.migration.name
            ),
        )
        .source(&files::excerpt(self.migration, item.span, item.line))
        .label(item.span, "begins that transaction")
        .note(format!("it was ended by: {}", intent.sql))
        .help(format!(
            "bring its text back and edit only what follows{}",
            self.or_give_up()
        ));
        StandaloneError::Failed(Box::new(diagnostic))
    }

    async fn fate(&self, intent: &Intent) -> Result<Fate, Error> {
        let Some(number) = &intent.before.transaction else {
            return Ok(Fate::Unknown);
        };
        Ok(match transaction::status(self.session, number).await {
            Ok(Status::Committed) => Fate::Committed,
            Ok(Status::Aborted) => Fate::RolledBack,
            Ok(Status::InProgress) => {
                let prepared = Object {
                    class: Class::PreparedTransaction,
                    name: gid(&intent.sql).unwrap_or_default(),
                    act: Act::Create,
                };
                match object::state(self.session, &prepared).await? {
                    Some(_) => Fate::Prepared,
                    None => Fate::Unknown,
                }
            }
            // A number of another server, after a fail-over.
            Ok(Status::Unknown) | Err(Error::Server(_)) => Fate::Unknown,
            Err(error) => return Err(error),
        })
    }
}
