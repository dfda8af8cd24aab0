//! What an error inside a block means: try again, cut, or fail, and in which
//! words.

use super::{Ended, Flight, Placed, Try, Unfolded};
use crate::apply::failure::{explain_missing, failure, words};
use crate::diagnostic::Diagnostic;
use crate::migration::Migration;
use crate::plan::{Cut, CutReason};
use crate::postgres::{Error, Failure, ServerError};

/// Why segue itself has cancelled a statement.
pub(in crate::apply) const CUT_SHORT: &str =
    "a lock was waited for longer than `--lock-timeout` allows, and the wait was ended";

impl Try<'_> {
    /// What an error means for the block.
    pub(super) fn judge(&mut self, error: Error, flight: Option<Flight>) -> Ended {
        let server = match error {
            Error::Server(server) => server,
            Error::Lost(reason) => {
                return Ended::Lost {
                    reason: self.at(reason, flight.as_ref()),
                    commit: None,
                };
            }
            error @ Error::Pooled(_) => return Ended::Refused(Box::new(error.into())),
            other => return Ended::Failed(Box::new(unexpected(&other))),
        };
        if server.failure().is_connection_lost() {
            return Ended::Lost {
                reason: self.at(server.message, flight.as_ref()),
                commit: None,
            };
        }
        let (index, placed) = match flight {
            Some(Flight::Statement { migration, placed }) => (migration, Some(placed)),
            Some(Flight::Ours { migration }) => (migration, None),
            Some(Flight::Fence { migration }) => return self.judge_fence(migration, &server),
            // Of the whole block, at COMMIT.
            None if self.migrations.len() > 1 => return self.judge_block(&server),
            None => (0, None),
        };
        let migration = self.migrations[index];
        let cut = |reason| Cut {
            before: migration.name.clone(),
            reason,
        };
        match server.failure() {
            Failure::Cancelled if self.was_cut_short() => Ended::Retry {
                name: Some(migration.name.clone()),
                cause: CUT_SHORT.to_owned(),
                wait: self.wait.take(),
                diagnostic: Box::new(self.diagnostic(migration, placed, &server).note(CUT_SHORT)),
            },
            Failure::LockTimeout | Failure::Deadlock | Failure::Serialization => Ended::Retry {
                name: Some(migration.name.clone()),
                cause: server.to_string(),
                wait: self.wait.take(),
                diagnostic: Box::new(self.diagnostic(migration, placed, &server)),
            },
            Failure::EnumValueUnusable if index > 0 && !self.adds_it_itself(index) => {
                Ended::Cut(cut(CutReason::EnumValue))
            }
            Failure::ObjectInUse if index > 0 && !self.fire_before.contains(&migration.name) => {
                Ended::FireTriggersBefore(migration.name.clone())
            }
            Failure::OutOfMemory if index > 0 && self.batch.was_empty => {
                Ended::Cut(cut(CutReason::LockMemory))
            }
            // Its text does not tell all: whether a table is partitioned, or
            // what its own statements have left to deferred triggers.
            Failure::ActiveTransaction
            | Failure::ObjectInUse
            | Failure::InvalidTermination
            | Failure::EnumValueUnusable
                if self.block.folded.contains(&migration.name) =>
            {
                Ended::Unfold(Unfolded {
                    name: migration.name.clone(),
                    reason: server.message,
                })
            }
            _ => Ended::Failed(Box::new(self.diagnostic(migration, placed, &server))),
        }
    }

    /// An error of the wait for those who rely on the version that there is.
    fn judge_fence(&mut self, migration: usize, server: &ServerError) -> Ended {
        let migration = self.migrations[migration];
        let project = &self.batch.run.project;
        let diagnostic = words(server).source(&migration.source).note(format!(
            "before the first statement: `{}` brings another version of the schema, which comes when no transaction relies by `segue.require` on the one that there is",
            migration.name
        ));
        let is_passing = server.failure().is_transient()
            || server.failure() == Failure::Cancelled && self.was_cut_short();
        if !is_passing {
            return Ended::Failed(Box::new(diagnostic));
        }
        let mut wait = self.wait.take();
        if let Some(wait) = &mut wait {
            wait.relation_name = Some(format!("schema version of `{project}`"));
        }
        Ended::Retry {
            name: Some(migration.name.clone()),
            cause: server.to_string(),
            wait,
            diagnostic: Box::new(diagnostic),
        }
    }

    fn judge_block(&mut self, server: &ServerError) -> Ended {
        let note = format!("at the COMMIT{}", self.of_whom());
        let diagnostic = Box::new(words(server).note(note));
        if server.failure().is_transient()
            || server.failure() == Failure::Cancelled && self.was_cut_short()
        {
            Ended::Retry {
                name: None,
                cause: server.to_string(),
                wait: self.wait.take(),
                diagnostic,
            }
        } else {
            Ended::Failed(diagnostic)
        }
    }

    /// `` of 3 migrations, `a.sql` to `c.sql` ``; empty for a single one.
    pub(super) fn of_whom(&self) -> String {
        match self.migrations.as_slice() {
            [first, .., last] => format!(
                " of {} migrations, `{}` to `{}`",
                self.migrations.len(),
                first.name,
                last.name
            ),
            [_] | [] => String::new(),
        }
    }

    /// The reason with the statement under way: if each session ends there, it
    /// is the cause.
    fn at(&self, reason: String, flight: Option<&Flight>) -> String {
        match flight {
            Some(Flight::Statement { migration, placed }) => format!(
                "{reason}; line {} of `{}` was under way",
                placed.line, self.migrations[*migration].name
            ),
            _ => reason,
        }
    }

    /// Whether a migration uses an enum value that it has added itself: what
    /// came before it in the block, committed or not, does not matter then.
    fn adds_it_itself(&self, index: usize) -> bool {
        let adds = |migration: &&Migration| {
            migration
                .outline
                .as_ref()
                .is_some_and(|outline| outline.adds_enum_value)
        };
        adds(&self.migrations[index]) && !self.migrations[..index].iter().any(adds)
    }

    fn diagnostic(
        &self,
        migration: &Migration,
        placed: Option<Placed>,
        error: &ServerError,
    ) -> Diagnostic {
        let Some(placed) = placed else {
            return words(error)
                .source(&migration.source)
                .note(format!("after the last statement of `{}`", migration.name));
        };
        let diagnostic = failure(migration, &placed, error);
        let batch = self.batch;
        let diagnostic = explain_missing(
            diagnostic,
            error,
            &placed,
            migration,
            batch.graph,
            batch.history,
            &batch.run.project,
        );
        match error.failure() {
            Failure::EnumValueUnusable => diagnostic.help(
                "an enum value cannot be used by the transaction that adds it: write `-- segue: no-txn` at the top of the file that adds it, or add it in a file of its own before this one",
            ),
            Failure::ObjectInUse => diagnostic.help(
                "if triggers are deferred, `SET CONSTRAINTS ALL IMMEDIATE;` before this statement fires them",
            ),
            Failure::OutOfMemory => diagnostic.help(
                "each table, index and sequence that a transaction touches takes a slot in the server's lock table: raise `max_locks_per_transaction` and restart the server, or deploy in smaller steps",
            ),
            Failure::ActiveTransaction | Failure::InvalidTermination => diagnostic.help(migration.name.outside_help()),
            _ => diagnostic,
        }
    }
}

fn unexpected(error: &Error) -> Diagnostic {
    Diagnostic::new(crate::diagnostic::code::SERVER_ERROR, error.to_string())
}
