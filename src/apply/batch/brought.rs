//! The record of what has been applied that a block brings, taken over in the
//! block's transaction: segue's own ledger, or codd's table.

use super::{Ended, Try};
use crate::adopt::{Adoption, Source};
use crate::diagnostic::{Diagnostic, code};
use crate::history::LockKey;
use crate::migration::{Migration, Name};
use crate::postgres::ledger::{Adopted, Applied, Brought, Ledger};
use crate::postgres::{adopt, lock};

impl Try<'_> {
    /// Takes over the ledger that this block has brought, and begins the
    /// deployment in it.
    pub(super) async fn take_over(&mut self) -> Result<(Ledger, i64), Ended> {
        let batch = self.batch;
        let session = self.session;
        let names: Vec<Name> = self.migrations.iter().map(|one| one.name.clone()).collect();
        let Some(ledger) = batch.ledger else {
            let reason = "segue's own tables come with a migration in another database".to_owned();
            return Err(
                self.refuse_codd(reason, "leave them out: `pg_dump --exclude-schema=segue`")
            );
        };
        let taking = ledger.take_over(
            session,
            batch.control,
            &names,
            batch.last,
            batch.fingerprint,
        );
        let (ledger, brought) = self
            .guard(taking)
            .await?
            .map_err(|error| self.judge(error, None))?;
        // Before anybody can see the row: one that says running while its lock
        // is free is taken for dead. Without the lock it is only taken later.
        let key = LockKey::deployment(&batch.run.project, brought.deployment);
        let _ = self.guard(lock::try_lock(batch.control, key)).await?;
        // Filled by no earlier try: each has its own.
        let _ = batch.brought.set(brought);
        Ok((ledger, brought.deployment))
    }

    /// Reads what the codd table that this block has brought says of the files
    /// that are still pending; they count as applied from its COMMIT on.
    pub(super) async fn take_codd(&mut self) -> Result<Vec<Adopted>, Ended> {
        let batch = self.batch;
        let session = self.session;
        let mut entries = self
            .guard(adopt::codd(session))
            .await?
            .map_err(|error| self.judge(error, None))?
            .unwrap_or_default();
        let is_ours = |name: &Name| self.migrations.iter().any(|one| one.name == *name);
        let others: Vec<Migration> = batch
            .graph
            .migrations()
            .filter(|one| !is_ours(&one.name) && !batch.history.is_closed(&one.name))
            .cloned()
            .collect();
        // Files that went into the dump are often deleted.
        entries.retain(|entry| {
            entry.key.as_ref().is_some_and(|key| {
                others
                    .iter()
                    .any(|one| Source::Codd.key(one.name.as_str()).as_ref() == Some(key))
            })
        });
        let adoption = Adoption::new(Source::Codd, &entries, &others, batch.history);
        let partly = adoption.taken.iter().find(|taken| taken.is_partly);
        if let Some(taken) = partly {
            return Err(self.refuse_codd(
                format!(
                    "by codd's table, only some statements of `{}` are done",
                    taken.name
                ),
                "let codd finish it in the database that was dumped, and dump again",
            ));
        }
        if let Some(refusal) = adoption.refusals.first() {
            return Err(self.refuse_codd(refusal.reason.clone(), &refusal.help));
        }
        let adopted: Vec<Adopted> = adoption
            .taken
            .iter()
            .filter_map(|taken| {
                let migration = others.iter().find(|one| one.name == taken.name)?;
                Some(Adopted {
                    applied: Applied {
                        name: migration.name.clone(),
                        checksum: migration.checksum,
                        kind: migration.kind,
                        statements: taken.statements,
                        duration: taken.duration,
                        schema_diff: migration.schema_diff.clone(),
                        schema_version: migration.schema_version,
                    },
                    at: taken.at.clone(),
                    error: None,
                })
            })
            .collect();
        let _ = batch.brought.set(Brought {
            deployment: batch.deployment.unwrap_or_default(),
            applied: adopted.len(),
        });
        Ok(adopted)
    }

    fn refuse_codd(&self, reason: String, help: &str) -> Ended {
        let diagnostic = Diagnostic::new(code::BRINGS_LEDGER, reason);
        let diagnostic = match self.migrations.last() {
            Some(migration) => diagnostic.source(&migration.source),
            None => diagnostic,
        };
        Ended::Failed(Box::new(diagnostic.help(help)))
    }
}
