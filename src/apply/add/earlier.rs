//! An earlier `segue add` of the same file that was killed: what the ledger of
//! a database that stays has of it.
//!
//! Its migration is taken up under the name that it has there, and what the
//! killed one did not come to is done now.

use super::{AddError, Newcomer};
use crate::apply::Run;
use crate::apply::up::reach;
use crate::directive::end_in_header;
use crate::files::draft;
use crate::history::{History, Record, State};
use crate::migration::{Kind, Migration, Name, Slug};
use crate::postgres::ledger::Ledger;
use crate::schema::Snapshot;

/// What it has left.
#[derive(Debug)]
pub(super) struct Earlier {
    /// Whether its migration is applied; otherwise it was begun.
    pub(super) is_applied: bool,
    /// The schema before it, rules applied.
    before: Before,
}

#[derive(Debug)]
enum Before {
    /// As it was kept.
    Kept(Box<Snapshot>),
    /// What it changes is in its header already, and nothing else is to be
    /// known.
    Written,
    Unknown,
}

/// Looks for one, and gives `newcomer` its name and header.
///
/// # Errors
/// [`AddError`]
pub(super) async fn take_up(
    run: &Run,
    newcomer: &mut Newcomer,
) -> Result<Option<Earlier>, AddError> {
    let session = reach(run).await?;
    let ledger = Ledger::find(&session, &run.project, run.owner.as_deref()).await?;
    if ledger.version().is_none() {
        return Ok(None);
    }
    let history = ledger.history(&session).await?;
    let Some((name, record)) = find(newcomer, &history)? else {
        sweep(newcomer, &history)?;
        return Ok(None);
    };
    let major = session.server_version() / 10_000;
    let kept = ledger.snapshot(&session, major).await?;
    session.close().await;
    let others = history.records.values();
    let is_last = others
        .filter(|other| other.state == State::Applied)
        .all(|other| other.deployment <= record.deployment);
    let before = match kept {
        Some((deployment, snapshot)) if is_last && Some(deployment) < record.deployment => {
            Before::Kept(Box::new(snapshot))
        }
        // The schema is kept last, so all was written into its header before.
        Some((deployment, _)) if is_last && Some(deployment) == record.deployment => {
            newcomer.take_diff(&name)?;
            Before::Written
        }
        _ => Before::Unknown,
    };
    let earlier = Earlier {
        is_applied: record.state == State::Applied,
        before,
    };
    earlier.refuse_unknown(newcomer, &name, major)?;
    newcomer.call(&name);
    Ok(Some(earlier))
}

/// Its name and row, if there is one.
fn find<'a>(
    newcomer: &mut Newcomer,
    history: &'a History,
) -> Result<Option<(Name, &'a Record)>, AddError> {
    let strangers: Vec<(&Name, &Record)> = history
        .records
        .iter()
        .filter(|(name, _)| newcomer.others.iter().all(|other| other.name != **name))
        .collect();
    let leftovers = draft::leftovers(newcomer.folder());
    // Its author may have corrected it since.
    let is_corrected = |name: &Name| {
        is_called(name, newcomer) && leftovers.iter().any(|leftover| leftover.name == *name)
    };
    for (name, record) in &strangers {
        let is_same = record.checksum == newcomer.migration.checksum;
        let found = match &record.state {
            // One that lies in its folder under its name needs nothing.
            State::Applied => is_same && newcomer.old_name().as_ref() != Some(*name),
            State::Begun | State::Failed(_) => is_same || is_corrected(name),
            State::Abandoned => false,
        };
        if found {
            return Ok(Some(((*name).clone(), record)));
        }
    }
    // Its text has other lines in the ledger than in the file, if it had to end
    // concurrent migrations; the copy has them.
    for leftover in leftovers {
        let record = strangers.iter().find(|(name, _)| **name == leftover.name);
        let Some((name, record)) = record else {
            continue;
        };
        if record.state == State::Applied
            && let Ok(copy) = newcomer.read_copy(name, &leftover.path)?
            && copy.checksum == record.checksum
            && newcomer.has_become(&copy)?
        {
            return Ok(Some(((*name).clone(), record)));
        }
    }
    Ok(None)
}

/// Removes copies of this very text that have come to nothing.
fn sweep(newcomer: &Newcomer, history: &History) -> Result<(), AddError> {
    for leftover in draft::leftovers(newcomer.folder()) {
        if is_called(&leftover.name, newcomer)
            && leftover.path != newcomer.migration.path
            && !history.records.contains_key(&leftover.name)
            && let Ok(copy) = newcomer.read_copy(&leftover.name, &leftover.path)?
            && copy.checksum == newcomer.migration.checksum
        {
            leftover.remove();
        }
    }
    Ok(())
}

fn is_called(name: &Name, newcomer: &Newcomer) -> bool {
    Slug::of(name.as_str()).is_some_and(|slug| Slug::of(newcomer.name().as_str()) == Some(slug))
}

impl Newcomer {
    /// Takes over the schema diff that an earlier try wrote into its copy.
    fn take_diff(&mut self, name: &Name) -> Result<(), AddError> {
        if self.migration.kind != Kind::Concurrent {
            return Ok(());
        }
        for leftover in draft::leftovers(self.folder()) {
            if leftover.name == *name
                && let Ok(copy) = self.read_copy(name, &leftover.path)?
                && copy.checksum == self.migration.checksum
                && copy.schema_diff.is_some()
            {
                let old = self.migration.source.text().len();
                self.draft.set_header(old, copy.source.text())?;
                self.migration = Migration {
                    path: self.migration.path.clone(),
                    ..copy
                };
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes over the header that an earlier try wrote into its `copy`, if that
    /// makes the same text of it.
    fn has_become(&mut self, copy: &Migration) -> Result<bool, AddError> {
        let header = &self.migration.source;
        let is_new = |name: &&crate::migration::Named| {
            self.migration.ends.iter().all(|own| own.name != name.name)
        };
        let ends: Vec<&str> = copy
            .ends
            .iter()
            .filter(is_new)
            .map(|ended| ended.name.as_str())
            .collect();
        if ends.is_empty() {
            return Ok(false);
        }
        let (old, new) = (
            header.text().to_owned(),
            end_in_header(header, &ends, self.draft.line_end()?),
        );
        self.draft.set_header(old.len(), &new)?;
        let is_same = match self.read_copy(self.name(), self.draft.path())? {
            Ok(migration) if migration.checksum == copy.checksum => {
                self.migration = migration;
                true
            }
            _ => false,
        };
        if !is_same {
            self.draft.set_header(new.len(), &old)?;
        }
        Ok(is_same)
    }
}

impl Earlier {
    /// A schema diff cannot be computed without what was before.
    fn refuse_unknown(&self, newcomer: &Newcomer, name: &Name, major: u32) -> Result<(), AddError> {
        let is_concurrent = newcomer.migration.kind == Kind::Concurrent;
        let parts = newcomer.migration.schema_diff.as_deref();
        let is_known = match self.before {
            Before::Kept(_) => true,
            Before::Written if is_concurrent => {
                parts.is_some_and(|parts| parts.contains_key(&major))
            }
            Before::Written | Before::Unknown => self.is_applied && !is_concurrent,
        };
        if is_known {
            return Ok(());
        }
        let doing = if self.is_applied { "applied" } else { "begun" };
        Err(AddError::Refused {
            reason: format!(
                "an earlier `segue add` of this file has {doing} it as `{name}` and was stopped; how the schema was before is not known"
            ),
            help: if self.is_applied {
                format!(
                    "give the file the name `{name}` in its folder, then `segue add` it with `--throwaway`, which writes its schema diff"
                )
            } else {
                format!("`segue abandon {name}` removes what it has left; then add the file again")
            },
        })
    }

    /// Whether the schema before it is known, and not only what it changes.
    pub(super) fn is_before_known(&self) -> bool {
        matches!(self.before, Before::Kept(_))
    }

    /// The schema before it, where it is `after` now.
    pub(super) fn before(&self, newcomer: &Newcomer, major: u32, after: &Snapshot) -> Snapshot {
        if let Before::Kept(before) = &self.before {
            return (**before).clone();
        }
        let mut before = after.clone();
        let parts = newcomer.migration.schema_diff.as_deref();
        if let Some(diff) = parts.and_then(|parts| parts.get(&major)) {
            // Where it does not fit, the schema is another one by now, and that
            // becomes the expected one.
            let _ = diff.inverse().apply(&mut before);
        }
        before
    }
}
