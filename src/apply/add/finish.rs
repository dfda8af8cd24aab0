//! What follows from a new migration: lines in its header, its place in the
//! folder, the expected schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{AddError, Added, Newcomer, Observed, Part};
use crate::apply::up::reach;
use crate::apply::{Run, Verification};
use crate::directive::{end_in_header, with_schema_diff};
use crate::ending::{self, Ending};
use crate::files::draft::Original;
use crate::files::expected;
use crate::migration::{Kind, Migration, Name};
use crate::postgres::ledger::{Ledger, When};
use crate::schema::{Diff, ObjectId, Snapshot};

/// Writes what `observed`, one per major version, has shown. `lasting` is the
/// run on the database that stays, where the migration is applied by now.
///
/// # Errors
/// [`AddError`]; without `lasting` everything is as before, with it
/// [`AddError::Applied`] says what stands.
pub(super) async fn finish(
    mut newcomer: Newcomer,
    observed: Vec<Observed>,
    verification: &Verification,
    lasting: Option<&Run>,
) -> Result<Added, AddError> {
    let headed = head(&mut newcomer, &observed, lasting).await;
    match lasting {
        None => finish_replayed(newcomer, observed, verification, headed?),
        Some(_) => finish_lasting(newcomer, observed, verification, headed),
    }
}

/// All of it or nothing.
fn finish_replayed(
    newcomer: Newcomer,
    observed: Vec<Observed>,
    verification: &Verification,
    endings: Vec<Ending>,
) -> Result<Added, AddError> {
    let previous = Previous::read(&observed, verification)?;
    let parts = previous.replace(&observed, verification)?;
    let added = Adding::new(&newcomer, &observed, &previous);
    match newcomer.draft.put() {
        Ok(original) => Ok(added.done(observed, endings, parts, original)),
        Err(error) => {
            previous.restore(verification);
            Err(error.into())
        }
    }
}

/// The database has it. Without its header it stays where it is, to be added
/// again; otherwise whatever can be done is done.
fn finish_lasting(
    mut newcomer: Newcomer,
    observed: Vec<Observed>,
    verification: &Verification,
    headed: Result<Vec<Ending>, AddError>,
) -> Result<Added, AddError> {
    let endings = match headed {
        Ok(endings) => endings,
        Err(error) => return Err(keep(newcomer, error)),
    };
    newcomer.draft.keep();
    let name = newcomer.name().clone();
    let place = newcomer.place().to_owned();
    let written = Previous::read(&observed, verification).and_then(|previous| {
        let parts = previous.replace(&observed, verification)?;
        Ok((parts, Adding::new(&newcomer, &observed, &previous)))
    });
    let put = newcomer.draft.put();
    let path = put.is_ok().then_some(place);
    match (written, put) {
        (Ok((parts, added)), Ok(original)) => Ok(added.done(observed, endings, parts, original)),
        (written, put) => {
            let put = put.err().map(AddError::from);
            let error = put.or(written.err()).expect("one of the two failed");
            Err(AddError::Applied {
                name,
                path,
                error: Box::new(error),
            })
        }
    }
}

/// After the run on a database that stays had an error: the file stays where it
/// is, for whoever adds it again, and so does its copy.
pub(super) fn keep(mut newcomer: Newcomer, error: AddError) -> AddError {
    newcomer.draft.keep();
    AddError::Applied {
        name: newcomer.name().clone(),
        path: None,
        error: Box::new(error),
    }
}

/// Writes what its header lacks; what it has to end.
async fn head(
    newcomer: &mut Newcomer,
    observed: &[Observed],
    lasting: Option<&Run>,
) -> Result<Vec<Ending>, AddError> {
    let diffs: Vec<Diff> = observed
        .iter()
        .map(|one| Diff::between(&one.before, &one.after))
        .collect();
    let source = Arc::clone(&newcomer.migration.source);
    let (endings, header) = if newcomer.migration.kind == Kind::Concurrent {
        let mut parts = stored_parts(&newcomer.migration);
        let majors = observed.iter().map(|one| one.major);
        parts.extend(majors.zip(diffs));
        // Its directive ends a line, so the header shows how lines end.
        (Vec::new(), with_schema_diff(source.text(), &parts))
    } else {
        let endings = endings(newcomer, observed, &diffs)?;
        let names: Vec<&str> = endings.iter().map(|one| one.name.as_str()).collect();
        let header = end_in_header(&source, &names, newcomer.draft.line_end()?);
        (endings, header)
    };
    if header != source.text() {
        newcomer.draft.set_header(source.text().len(), &header)?;
        let name = newcomer.name().clone();
        newcomer.migration = match newcomer.read_copy(&name, newcomer.draft.path())? {
            Ok(migration) => migration,
            Err(diagnostic) => return Err(AddError::Invalid(vec![*diagnostic])),
        };
    }
    if let Some(run) = lasting {
        // The database that stays came last.
        record(run, &newcomer.migration, observed.last()).await?;
    }
    Ok(endings)
}

/// The concurrent migrations that it has to end.
fn endings(
    newcomer: &mut Newcomer,
    observed: &[Observed],
    diffs: &[Diff],
) -> Result<Vec<Ending>, AddError> {
    let is_given_up = |name: &Name| observed.iter().any(|one| one.abandoned.contains(name));
    let names: Vec<Name> = ending::open(&newcomer.others)
        .map(|open| open.name.clone())
        .filter(|name| !is_given_up(name))
        .collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    newcomer.outline_closely(&names)?;
    let open: Vec<&Migration> = newcomer
        .others
        .iter()
        .filter(|other| names.contains(&other.name))
        .collect();
    let schemas: Vec<&Snapshot> = observed.iter().map(|one| &one.after).collect();
    Ok(ending::needed(&open, &newcomer.migration, diffs, &schemas))
}

/// Corrects what the ledger has of it: the text that was applied lacks the
/// lines, and the schema is another one than the last deployment has left.
async fn record(
    run: &Run,
    migration: &Migration,
    observed: Option<&Observed>,
) -> Result<(), AddError> {
    let session = reach(run).await?;
    let ledger = Ledger::find(&session, &run.project, run.owner.as_deref()).await?;
    ledger
        .restate(
            &session,
            &migration.name,
            &migration.checksum,
            migration.schema_diff.as_deref(),
        )
        .await?;
    let history = ledger.history(&session).await?;
    let newest = history.deployments.first();
    if let (Some(observed), Some(newest)) = (observed, newest) {
        ledger
            .keep_snapshot(&session, observed.major, newest.id, &observed.after)
            .await?;
        let run = (observed.major, newest.id);
        // Nobody else applies anything to a database of development meanwhile.
        let others = ledger.applied_by_others(&session, Some(newest.id));
        let others = others.await?;
        for (when, snapshot) in [
            (When::Before, &observed.before),
            (When::After, &observed.after),
        ] {
            let seen = (others.as_str(), snapshot);
            ledger.keep_past(&session, run, when, seen).await?;
        }
    }
    session.close().await;
    Ok(())
}

/// The parts of its schema diff, by major version.
fn stored_parts(migration: &Migration) -> BTreeMap<u32, Diff> {
    let parts = migration.schema_diff.as_deref();
    parts.cloned().unwrap_or_default()
}

/// The parts of the expected schema that are about to be replaced.
struct Previous {
    parts: BTreeMap<u32, Option<Snapshot>>,
    /// All major versions that there are.
    majors: BTreeSet<u32>,
}

impl Previous {
    fn read(observed: &[Observed], verification: &Verification) -> Result<Self, AddError> {
        let folder = &verification.folder;
        let majors = expected::majors(folder)?.into_iter().collect();
        let read = |one: &Observed| Ok((one.major, expected::read(folder, one.major)?));
        let parts: Result<_, expected::Error> = observed.iter().map(read).collect();
        Ok(Self {
            parts: parts?,
            majors,
        })
    }

    /// Writes all parts or none.
    fn replace(
        &self,
        observed: &[Observed],
        verification: &Verification,
    ) -> Result<Vec<Part>, AddError> {
        let mut parts = Vec::with_capacity(observed.len());
        for one in observed {
            if let Err(error) = expected::write(&verification.folder, one.major, &one.after) {
                self.restore(verification);
                return Err(error.into());
            }
            let before = self.parts.get(&one.major).and_then(Option::as_ref);
            parts.push(Part {
                major: one.major,
                files: changed(before, &one.after),
            });
        }
        Ok(parts)
    }

    /// Writes what was there, as far as that can be done.
    fn restore(&self, verification: &Verification) {
        for (major, snapshot) in &self.parts {
            let restored = match snapshot {
                Some(snapshot) => expected::write(&verification.folder, *major, snapshot).map(drop),
                None => expected::remove(&verification.folder, *major),
            };
            if let Err(error) = restored {
                tracing::warn!(major, %error, "the expected schema could not be restored");
            }
        }
    }
}

/// How many objects, a file each, differ.
fn changed(before: Option<&Snapshot>, after: &Snapshot) -> usize {
    let Some(before) = before else {
        return after.objects.len();
    };
    let all: BTreeSet<&ObjectId> = before.objects.keys().chain(after.objects.keys()).collect();
    all.into_iter()
        .filter(|id| before.objects.get(id) != after.objects.get(id))
        .count()
}

/// What is told of it once it is in its folder.
struct Adding {
    path: std::path::PathBuf,
    diffs: Vec<u32>,
    stale: BTreeSet<u32>,
}

impl Adding {
    fn new(newcomer: &Newcomer, observed: &[Observed], previous: &Previous) -> Self {
        let majors: BTreeSet<u32> = observed.iter().map(|one| one.major).collect();
        let stored = stored_parts(&newcomer.migration);
        let known: BTreeSet<u32> = previous
            .majors
            .iter()
            .chain(stored.keys())
            .copied()
            .collect();
        Self {
            path: newcomer.place().to_owned(),
            diffs: match newcomer.migration.kind {
                Kind::Concurrent => majors.iter().copied().collect(),
                Kind::Batch | Kind::Standalone => Vec::new(),
            },
            stale: &known - &majors,
        }
    }

    fn done(
        self,
        observed: Vec<Observed>,
        endings: Vec<Ending>,
        parts: Vec<Part>,
        original: Original,
    ) -> Added {
        Added {
            path: self.path,
            observed,
            endings,
            diffs: self.diffs,
            parts,
            stale: self.stale,
            original,
            is_resumed: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::apply::OnMismatch;
    use crate::schema::{Attributes, Kind as Object, Rules};

    fn with(names: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for name in names {
            let id = ObjectId {
                namespace: Some("public".to_owned()),
                kind: Object::View,
                name: (*name).to_owned(),
            };
            snapshot.objects.insert(id, Attributes::new());
        }
        snapshot
    }

    #[test]
    fn parts_are_put_back_where_a_later_one_cannot_be_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let verification = Verification {
            embedded: None,
            folder: folder.path().to_owned(),
            rules: Rules::default(),
            on_mismatch: OnMismatch::Fail,
        };
        expected::write(folder.path(), 15, &with(&["a"])).expect("written");
        let observed = [14, 15, 17].map(|major| Observed {
            major,
            older: Vec::new(),
            before: with(&["a"]),
            after: with(&["a", "b"]),
            drift: Diff::default(),
            idle_rules: Vec::new(),
            abandoned: BTreeSet::new(),
            took: Duration::ZERO,
        });
        let previous = Previous::read(&observed, &verification).expect("read");
        // After it was read, somebody puts a file where the folder has to be.
        std::fs::write(folder.path().join("pg17"), "mine").expect("a file");
        assert!(previous.replace(&observed, &verification).is_err());
        let read = |major| expected::read(folder.path(), major).expect("read");
        assert_eq!(read(14), None);
        assert_eq!(read(15), Some(with(&["a"])));
    }
}
