//! `segue adopt`: another tool's ledger is read beside the folder, and
//! recorded in segue's.

use super::up::{Signs, poll, server};
use super::{ApplyError, Run, survey};
use crate::adopt::{Adoption, Comparison, Source, Standing};
use crate::diagnostic::Severity;
use crate::files::{self, Depth};
use crate::history::LockKey;
use crate::migration::{Migration, Name};
use crate::postgres::adopt::{self, Found};
use crate::postgres::ledger::{Adopted, Applied, Ledger, NewIntent};
use crate::postgres::{Error, Failure, Session};
use crate::procedure::Before;
use crate::statement::OwnedPiece;

/// What is taken over.
#[derive(Clone, Debug)]
pub enum From {
    /// A tool's ledger.
    Ledger {
        /// The tool.
        source: Source,
        /// Its table, if it does not have its usual name.
        table: Option<String>,
    },
    /// Nobody's: all files up to this one are applied.
    UpTo(Name),
}

/// Whether anything is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only look.
    Preview,
    /// Record it.
    Write,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is, or was, to be recorded.
    pub adoption: Adoption,
    /// The other ledger's table, if there is one.
    pub table: Option<String>,
    /// The deployment that it was recorded as.
    pub deployment: Option<i64>,
}

/// Takes a ledger over, or says what that would come to. Nothing is written
/// where something is in the way.
///
/// # Errors
/// [`ApplyError::Refused`] if there is no such ledger;
/// [`ApplyError::TimedOut`] after `--retry-for` of waiting for the batch's lock.
pub async fn adopt(
    run: &Run,
    migrations: &mut [Migration],
    from: &From,
    mode: Mode,
) -> Result<Report, ApplyError> {
    let session = server::reach(run).await?;
    let mut ledger = Ledger::find(&session, &run.project, run.owner.as_deref()).await?;
    if mode == Mode::Write {
        // Whoever applies something meanwhile would apply what is recorded.
        let control = server::beside(run, &session).await?;
        let key = LockKey::batch(&run.project);
        poll(
            run,
            &control,
            &session,
            key,
            "the batch lock",
            Signs::Expected,
        )
        .await?;
        control.close().await;
        ledger = Ledger::find(&session, &run.project, run.owner.as_deref()).await?;
    }
    let mut report = look(&session, &ledger, migrations, from).await?;
    let adoption = &report.adoption;
    if mode == Mode::Write && adoption.refusals.is_empty() && !adoption.is_empty() {
        report.deployment = Some(record(&session, &mut ledger, migrations, from, adoption).await?);
    }
    session.close().await;
    Ok(report)
}

async fn look(
    session: &Session,
    ledger: &Ledger,
    migrations: &mut [Migration],
    from: &From,
) -> Result<Report, ApplyError> {
    let history = ledger.history(session).await?;
    let (source, table) = match from {
        From::UpTo(last) => {
            return Ok(Report {
                adoption: Adoption::up_to(last, migrations, &history),
                table: None,
                deployment: None,
            });
        }
        From::Ledger { source, table } => (*source, table.as_deref()),
    };
    let found = table_of(session, source, table).await?;
    let entries = read(session, &found).await?;
    let mut adoption = Adoption::new(source, &entries, migrations, &history);
    let mut later = Vec::new();
    for taken in &mut adoption.taken {
        let Some(migration) = migrations.iter_mut().find(|one| one.name == taken.name) else {
            continue;
        };
        if let Some(kept) = &taken.checksum {
            let checksums = files::foreign::checksums(source, migration)
                .map_err(|error| survey::unreadable_file(&error))?;
            if !checksums.is_empty() {
                taken.comparison = if checksums.contains(kept) {
                    Comparison::Equal
                } else {
                    Comparison::Differs
                };
            }
        }
        if taken.is_partly {
            outline(migration)?;
            let has = migration.outline.as_ref().map_or(0, |one| one.statements);
            if has <= taken.statements {
                later.push((taken.name.clone(), taken.statements, has));
            }
        }
    }
    for (name, ran, has) in later {
        adoption.refuse(
            format!("{source} has run {ran} statements of `{name}`, and the file has {has}"),
            "bring the text back that has run",
        );
    }
    Ok(Report {
        adoption,
        table: Some(found.to_string()),
        deployment: None,
    })
}

fn outline(migration: &mut Migration) -> Result<(), ApplyError> {
    if migration.outline.is_none() {
        let diagnostics = files::outline(&mut [&mut *migration], Depth::Keywords)
            .map_err(|error| survey::unreadable_file(&error))?;
        if diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
        {
            return Err(ApplyError::Invalid(diagnostics));
        }
    }
    Ok(())
}

async fn table_of(
    session: &Session,
    source: Source,
    table: Option<&str>,
) -> Result<Found, ApplyError> {
    let refuse = |reason: String, help: String| Err(ApplyError::Refused { reason, help });
    if let Some(name) = table {
        return match adopt::named(session, source, name).await? {
            Some(found) => Ok(found),
            None => refuse(
                format!("there is no table `{name}`"),
                "`--table` takes a name as SQL writes it, with its namespace".to_owned(),
            ),
        };
    }
    let mut found = adopt::find(session).await?;
    let others: Vec<String> = found
        .iter()
        .filter(|found| found.source != source)
        .map(|found| format!("`segue adopt {}` ({found})", found.source))
        .collect();
    found.retain(|found| found.source == source);
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => refuse(
            format!("this database has no ledger of {source}"),
            match others.as_slice() {
                [] => "`--table NAMESPACE.TABLE` names it, if it is not called as usual".to_owned(),
                others => format!("there is another tool's: {}", others.join(", ")),
            },
        ),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            refuse(
                format!(
                    "{source} has {} ledgers here: {}",
                    several.len(),
                    names.join(", ")
                ),
                format!("`--table {}` names the one", names[0]),
            )
        }
    }
}

async fn read(session: &Session, found: &Found) -> Result<Vec<crate::adopt::Entry>, ApplyError> {
    match adopt::read(session, found).await {
        Err(error) if error.failure() == Failure::InsufficientPrivilege => {
            Err(ApplyError::Refused {
                reason: format!("this role may not read {found}: {error}"),
                help: format!(
                    "grant SELECT on {found}, or connect as the role that {} used",
                    found.source
                ),
            })
        }
        Err(error @ Error::Server(_)) => Err(ApplyError::Refused {
            reason: format!(
                "{found} cannot be read as {}'s ledger: {error}",
                found.source
            ),
            help: "`--table NAMESPACE.TABLE` names it, if it is another one".to_owned(),
        }),
        read => Ok(read?),
    }
}

async fn record(
    session: &Session,
    ledger: &mut Ledger,
    migrations: &mut [Migration],
    from: &From,
    adoption: &Adoption,
) -> Result<i64, ApplyError> {
    ledger.prepare(session).await?;
    let mut adopted = Vec::new();
    let mut texts: Vec<(usize, Vec<String>)> = Vec::new();
    for taken in &adoption.taken {
        let Some(index) = migrations.iter().position(|one| one.name == taken.name) else {
            continue;
        };
        let migration = &migrations[index];
        let error = taken.is_partly.then(|| {
            format!(
                "{} stopped after {} of its statements",
                from_text(from),
                taken.statements
            )
        });
        if taken.is_partly {
            texts.push((index, first_statements(migration, taken.statements)?));
        }
        adopted.push(Adopted {
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
            error,
        });
    }
    let mut done = Vec::new();
    for (index, texts) in &texts {
        let migration = &migrations[*index];
        let items = migration.outline.as_ref().map_or(&[][..], |one| &one.items);
        for (statement, (item, text)) in items.iter().zip(texts).enumerate() {
            done.push(NewIntent {
                name: &migration.name,
                checksum: migration.checksum,
                statement,
                fingerprint: item.fingerprint,
                sql: text,
                relation: None,
                indexes_before: &[],
                target: None,
                before: Before::default(),
                deployment: None,
            });
        }
    }
    // What is applied now, which need not be all of the folder.
    let is_applied = |migration: &&Migration| {
        let name = &migration.name;
        adoption.already.contains(name)
            || adoption
                .taken
                .iter()
                .any(|one| one.name == *name && !one.is_partly)
    };
    let applied: Vec<&Migration> = migrations.iter().filter(is_applied).collect();
    let last = applied.iter().map(|migration| &migration.name).max();
    let fingerprint = survey::fingerprint(applied.iter().copied());
    let id = ledger
        .adopt(
            session,
            &from_text(from),
            last,
            &fingerprint,
            &adopted,
            &done,
        )
        .await?;
    Ok(id)
}

fn from_text(from: &From) -> String {
    match from {
        From::Ledger { source, .. } => source.to_string(),
        From::UpTo(name) => format!("everything up to {name}"),
    }
}

/// The texts of the first `count` statements.
fn first_statements(migration: &Migration, count: usize) -> Result<Vec<String>, ApplyError> {
    let fail = |error: &files::Error| survey::unreadable_file(error);
    let mut texts = Vec::new();
    for piece in files::statements(migration).map_err(|error| fail(&error))? {
        match piece {
            // Its outline was made without an error.
            Err(_) => break,
            Ok(OwnedPiece::Statement(statement)) => texts.push(statement.text),
            Ok(OwnedPiece::CopyData(_) | OwnedPiece::CopyEnd { .. }) => {}
        }
        if texts.len() >= count {
            break;
        }
    }
    texts.truncate(count);
    Ok(texts)
}

/// Refuses a database whose migrations another tool has applied, and that
/// segue knows nothing of: it would apply all of them again. One query of the
/// catalogs where there is no such tool.
///
/// # Errors
/// [`ApplyError::Refused`]
pub(super) async fn refuse_another_ledger(
    session: &Session,
    migrations: &[Migration],
) -> Result<(), ApplyError> {
    for found in adopt::find(session).await? {
        let source = found.source;
        if !found.is_readable {
            continue;
        }
        // A table that only looks like one of theirs is no reason to stop.
        let Ok(entries) = adopt::read(session, &found).await else {
            if session.is_lost() {
                return Ok(());
            }
            continue;
        };
        let known: Vec<&Name> = migrations
            .iter()
            .filter(|migration| {
                let key = source.key(migration.name.as_str());
                key.is_some_and(|key| entries.iter().any(|entry| entry.key.as_ref() == Some(&key)))
            })
            .map(|migration| &migration.name)
            .collect();
        let [first, ..] = known.as_slice() else {
            continue;
        };
        let what = match known.len() {
            1 => format!("`{first}`"),
            count => format!("{count} of these migrations, `{first}` among them"),
        };
        let has_run = if entries.iter().any(|entry| entry.standing == Standing::UpTo) {
            "is at"
        } else {
            "has applied"
        };
        return Err(ApplyError::Refused {
            reason: format!(
                "{source} {has_run} {what}, by its ledger {found}; segue has none here"
            ),
            help: format!(
                "`segue adopt {source}` takes that over; if these are other migrations than {source}'s, `segue init` makes a ledger, and `segue up` applies them"
            ),
        });
    }
    Ok(())
}
