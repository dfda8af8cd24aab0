//! Rows that cannot be done: set aside, tried again, and told at the end.

use super::{Filler, MOVED, News, Over, shown};
use crate::apply::standalone::StandaloneError;
use crate::diagnostic::{Diagnostic, code};
use crate::postgres::backfill::{Blame, KeyValues, Range};
use crate::postgres::ledger::{Advance, GONE, Quarantined};
use crate::postgres::{Error, ServerError};
use crate::text::thousands;

/// So many are listed at the end.
const LISTED_MAX: usize = 5;

/// How the transaction that passes over a row ended.
enum Skipped {
    /// Committed.
    Done,
    /// The backfill has been given up; rolled back.
    Abandoned,
    /// Somebody else has moved the cursor; rolled back.
    Moved,
}

/// How another try of a row that was set aside ended, if not by an error.
enum Taken {
    /// Done and committed.
    Back,
    /// No row has its key.
    Gone,
    /// By `ctid`: it may be anywhere.
    Moved,
}

impl Filler<'_> {
    /// Sets the row with this key aside, and goes on behind it.
    pub(super) async fn set_aside(
        &mut self,
        key: &KeyValues,
        error: &ServerError,
    ) -> Result<Option<Over>, StandaloneError> {
        let most = self.backfill.quarantine;
        if self.quarantined >= most {
            return Err(self.refuse_row(key, error));
        }
        match self.skip(key, error).await {
            Ok(Skipped::Done) => {}
            Ok(Skipped::Abandoned) => return Ok(Some(Over::Abandoned)),
            Ok(Skipped::Moved) => return Err(StandaloneError::LockLost),
            Err(error) => {
                let blame = match Blame::of(&error) {
                    // It is about our own rows.
                    Blame::Rows => Blame::Statement,
                    blame => blame,
                };
                return self.disturbed(error, blame, 1).await;
            }
        }
        self.cursor = Some(key.clone());
        self.table.moved();
        self.rows += 1;
        self.quarantined += 1;
        self.went_well();
        self.tell(News::SetAside {
            key: shown(key),
            error: self.work.migration.variables.conceal(&error.to_string()),
            tries: 1,
        });
        Ok(None)
    }

    /// The transaction that notes a row and moves the cursor over it.
    async fn skip(&mut self, key: &KeyValues, error: &ServerError) -> Result<Skipped, Error> {
        let work = self.work;
        let name = &work.migration.name;
        let mut sql = vec![self.begin_sql(1)];
        sql.extend(self.note_sql(key, error));
        self.session.execute(&sql.join(";\n")).await?;
        let advance = Advance {
            from: self.cursor.as_ref(),
            to: key,
            rows: 1,
            changed: 0,
            pause: self.pace.next().pause,
            total: self.total,
            forecast: self.pace.forecast(),
            impossible: self.pace.impossible().map(ToString::to_string),
        };
        let moved = work.ledger.advance_backfill(self.session, name, &advance);
        match moved.await? {
            Some(wishes) if !wishes.is_abandoned => {
                self.session.execute("COMMIT").await?;
                self.take_wishes(wishes);
                Ok(Skipped::Done)
            }
            Some(_) => {
                self.session.execute("ROLLBACK").await?;
                Ok(Skipped::Abandoned)
            }
            None => {
                self.session.execute("ROLLBACK").await?;
                Ok(Skipped::Moved)
            }
        }
    }

    fn note_sql(&self, key: &KeyValues, error: &ServerError) -> Vec<String> {
        let migration = self.work.migration;
        let words = migration.variables.conceal(&error.message);
        let ledger = self.work.ledger;
        ledger.set_aside_sql(&migration.name, key, &error.sqlstate, &words)
    }

    /// Tries the rows again that earlier runs have set aside, each alone.
    pub(super) async fn take_back(&mut self) -> Result<Option<Over>, StandaloneError> {
        let name = &self.work.migration.name;
        let aside = self.work.ledger.quarantined(self.session, name).await?;
        self.quarantined = aside.len() as u64;
        for one in aside {
            loop {
                if let Some(over) = self.rest().await? {
                    return Ok(Some(over));
                }
                let error = match self.take_back_one(&one.key).await {
                    Ok(Taken::Back) => {
                        self.quarantined -= 1;
                        self.went_well();
                        break;
                    }
                    Ok(Taken::Gone) => {
                        self.note_gone(&one).await?;
                        break;
                    }
                    Ok(Taken::Moved) => return Ok(Some(Over::Anew(MOVED))),
                    Err(error) => error,
                };
                match (Blame::of(&error), error) {
                    (Blame::Rows, Error::Server(error)) if self.is_prepared => {
                        self.session.execute("ROLLBACK").await?;
                        self.note_again(&one, &error).await?;
                        break;
                    }
                    (blame, error) => {
                        let blame = if blame == Blame::Rows {
                            Blame::Statement
                        } else {
                            blame
                        };
                        if let Some(over) = self.disturbed(error, blame, 1).await? {
                            return Ok(Some(over));
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    /// Runs the statement for one row that was set aside.
    ///
    /// A statement that finds no row succeeds, and so it is looked first
    /// whether there is one, in the same snapshot: a row that gets another key
    /// in between is an error then, and another try. A row that was corrected
    /// or updated has another `ctid`, and in its place there may be another row
    /// by now. So by `ctid` one that succeeds says nothing of the row that had
    /// failed, and only doing all rows anew is sure to come to it.
    async fn take_back_one(&mut self, key: &KeyValues) -> Result<Taken, Error> {
        self.prepare().await?;
        self.session.execute(&self.begin_one_sql()).await?;
        let range = Range {
            lower: key,
            includes_lower: true,
            upper: key,
        };
        let is_there = self.keyset.count(self.session, range).await? > 0;
        let changed = if is_there {
            self.keyset.execute(self.session, range).await?
        } else {
            0
        };
        if self.keyset.is_place {
            self.session.execute("ROLLBACK").await?;
            return Ok(Taken::Moved);
        }
        if !is_there && !self.work.run.settings.let_go {
            self.session.execute("ROLLBACK").await?;
            return Ok(Taken::Gone);
        }
        let name = &self.work.migration.name;
        let mut sql = self.work.ledger.take_back_sql(name, key, changed);
        sql.push("COMMIT".to_owned());
        self.session.execute(&sql.join(";\n")).await?;
        Ok(Taken::Back)
    }

    /// No row has the key of one that was set aside.
    async fn note_gone(&mut self, one: &Quarantined) -> Result<(), StandaloneError> {
        let work = self.work;
        let mut sql = vec![self.begin_sql(1)];
        sql.extend(work.ledger.note_gone_sql(&work.migration.name, &one.key));
        sql.push("COMMIT".to_owned());
        self.session.execute(&sql.join(";\n")).await?;
        self.tell(News::SetAside {
            key: shown(&one.key),
            error: GONE.to_owned(),
            tries: one.tries + 1,
        });
        Ok(())
    }

    async fn note_again(
        &mut self,
        one: &Quarantined,
        error: &ServerError,
    ) -> Result<(), StandaloneError> {
        let mut sql = vec![self.begin_sql(1)];
        sql.extend(self.note_sql(&one.key, error));
        sql.push("COMMIT".to_owned());
        self.session.execute(&sql.join(";\n")).await?;
        self.tell(News::SetAside {
            key: shown(&one.key),
            error: self.work.migration.variables.conceal(&error.to_string()),
            tries: one.tries + 1,
        });
        Ok(())
    }

    /// One more than may be set aside.
    fn refuse_row(&self, key: &KeyValues, error: &ServerError) -> StandaloneError {
        let diagnostic = self.text.error(self.work.migration, error);
        let most = self.backfill.quarantine;
        let diagnostic = diagnostic.note(format!("in row {}", shown(key)));
        let diagnostic = match most {
            0 => diagnostic.note("`quarantine 0` lets no row be set aside"),
            _ => diagnostic.note(format!(
                "{} rows are set aside already, as many as `quarantine {most}` allows",
                thousands(self.quarantined)
            )),
        };
        StandaloneError::Failed(Box::new(diagnostic.help(format!(
            "correct the row, or let more be set aside; `segue settle` goes on before row {}",
            shown(key)
        ))))
    }

    /// All other rows are done.
    pub(super) fn refuse_end(&self, aside: &[Quarantined]) -> StandaloneError {
        let count = aside.len();
        let (rows, are) = if count == 1 {
            ("row".to_owned(), "is")
        } else {
            (format!("{} rows", thousands(count as u64)), "are")
        };
        let what = if count == 1 {
            "one ".to_owned() + &rows
        } else {
            rows
        };
        let mut diagnostic = Diagnostic::error(
            code::BACKFILL_QUARANTINE,
            format!("{what} of the backfill {are} set aside, all others are done"),
        );
        for one in aside.iter().take(LISTED_MAX) {
            diagnostic = diagnostic.note(format!("row {}: {}", shown(&one.key), one.error));
        }
        if count > LISTED_MAX {
            let more = thousands((count - LISTED_MAX) as u64);
            diagnostic = diagnostic.note(format!("and {more} more, in `segue.quarantine`"));
        }
        let migration = self.work.migration;
        if aside.iter().any(|one| !one.is_gone) {
            diagnostic = diagnostic.help(
                "correct what the server does not take; `segue settle` then tries these rows again",
            );
        }
        if aside.iter().any(|one| one.is_gone) {
            diagnostic = diagnostic
                .help(format!(
                    "rows that were deleted: `segue backfill retry --gone {}` lets them go",
                    migration.name
                ))
                .help("rows whose key was changed: do each by hand under its new key before that");
        }
        StandaloneError::Failed(Box::new(self.text.diagnostic(migration, diagnostic)))
    }
}
