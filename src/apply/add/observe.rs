//! A new migration run on a database, and the schema read before and after.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use super::clean_up::{Fate, clean_up};
use super::earlier::Earlier;
use super::{AddError, Newcomer, Observed};
use crate::apply::check::read;
use crate::apply::survey::survey;
use crate::apply::up::{reach, up};
use crate::apply::{ApplyError, Interrupt, OnMismatch, Outcome, Run, Settings, Verification};
use crate::files::draft;
use crate::files::expected;
use crate::history::{History, State};
use crate::migration::{Migration, Name};
use crate::plan::{Options, Plan};
use crate::postgres::ledger::Ledger;
use crate::schema::{Diff, Snapshot};

/// Where a new migration is tried.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The database, and how to run there.
    pub run: &'a Run,
    /// Whether the database is one of segue's own, which is gone afterwards.
    pub is_replayed: bool,
}

/// Why a new migration was not observed.
pub(super) enum Missed {
    /// It is not applied.
    NotApplied(AddError),
    /// It is applied, and then something failed.
    Applied(AddError),
}

/// Settles all older migrations, then runs the new one.
///
/// # Errors
/// [`Missed`]. What the new one has left in a database that stays is cleaned
/// up as far as that is possible, and named where it is not.
pub(super) async fn observe(
    site: Site<'_>,
    newcomer: &Newcomer,
    verification: &Verification,
    earlier: Option<Earlier>,
) -> Result<Observed, Missed> {
    if let Some(earlier) = &earlier
        && earlier.is_applied
    {
        return resume(site, newcomer, verification, earlier).await;
    }
    let (older, stand, drift) = before(site, newcomer, verification, earlier)
        .await
        .map_err(Missed::NotApplied)?;
    let began = Instant::now();
    if let Err(error) = run_new(site, newcomer.all()).await {
        // A database of segue's own is gone in a moment.
        let fate = if site.is_replayed {
            Fate::Removed(Vec::new())
        } else {
            clean_up(site.run, &newcomer.migration, &error).await
        };
        if let Fate::Removed(remains) = fate {
            return Err(Missed::NotApplied(AddError::Failed {
                error: Box::new(error),
                older: lasting(site, older),
                remains,
                replayed_on: site.is_replayed.then_some(stand.major),
            }));
        }
    }
    let took = began.elapsed();
    let after = Stand::read(site, newcomer, verification)
        .await
        .map_err(Missed::Applied)?;
    Ok(Observed {
        major: stand.major,
        older,
        before: stand.snapshot,
        after: after.snapshot,
        drift,
        idle_rules: after.idle_rules,
        abandoned: stand.abandoned,
        took,
    })
}

/// What is to be seen of one that an earlier run has applied.
async fn resume(
    site: Site<'_>,
    newcomer: &Newcomer,
    verification: &Verification,
    earlier: &Earlier,
) -> Result<Observed, Missed> {
    let seeing = async {
        let mut all = newcomer.all();
        let (history, plan) = look(site.run, &mut all).await?;
        refuse_strangers(verification, newcomer, &plan)?;
        let pending = pending(&newcomer.others, &history);
        if !pending.is_empty() {
            return Err(AddError::Refused {
                reason: format!(
                    "an earlier `segue add` has applied this file as `{}` and was stopped; since then others came into the folder, which are pending: {}",
                    newcomer.name(),
                    pending
                        .iter()
                        .map(|name| format!("`{name}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
                help: "take them out of the folder, add the file again, then put them back"
                    .to_owned(),
            });
        }
        let stand = Stand::read(site, newcomer, verification).await?;
        let before = earlier.before(newcomer, stand.major, &stand.snapshot);
        let expected = expected(verification, newcomer, &stand)?;
        let drift = match expected {
            // Otherwise it was written before the earlier one was stopped, or
            // cannot be told from what the new migration does.
            Some(expected) if earlier.is_before_known() && expected != stand.snapshot => {
                Diff::between(&expected, &before)
            }
            _ => Diff::default(),
        };
        if !drift.is_empty() && verification.on_mismatch == OnMismatch::Fail {
            return Err(AddError::Drift {
                major: stand.major,
                difference: Box::new(drift),
                older: Vec::new(),
                is_replayed: false,
            });
        }
        Ok(Observed {
            major: stand.major,
            older: Vec::new(),
            before,
            after: stand.snapshot,
            drift,
            idle_rules: stand.idle_rules,
            abandoned: stand.abandoned,
            took: Duration::ZERO,
        })
    };
    seeing.await.map_err(Missed::NotApplied)
}

/// The names of what stays applied.
fn lasting(site: Site<'_>, names: Vec<Name>) -> Vec<Name> {
    if site.is_replayed { Vec::new() } else { names }
}

/// Settles all older migrations; their names, the schema then, and how it
/// differs from the expected one.
async fn before(
    site: Site<'_>,
    newcomer: &Newcomer,
    verification: &Verification,
    earlier: Option<Earlier>,
) -> Result<(Vec<Name>, Stand, Diff), AddError> {
    let mut all = newcomer.all();
    let (history, plan) = look(site.run, &mut all).await?;
    // Within the second of its first name it gets the same one again.
    let name = &newcomer.migration.name;
    if newcomer.old_name().as_ref() == Some(name) && history.is_closed(name) {
        return Err(already_applied(name));
    }
    refuse_strangers(verification, newcomer, &plan)?;
    let older = pending(&newcomer.others, &history);
    if !older.is_empty() {
        settle_older(site, newcomer).await?;
    }
    let checking = async {
        let mut stand = Stand::read(site, newcomer, verification).await?;
        if let Some(earlier) = earlier {
            // What is there has half of the new one.
            stand.snapshot = earlier.before(newcomer, stand.major, &stand.snapshot);
        }
        let expected = expected(verification, newcomer, &stand)?;
        let drift = expected.map_or_else(Diff::default, |expected| {
            Diff::between(&expected, &stand.snapshot)
        });
        Ok::<_, AddError>((stand, drift))
    };
    let (stand, drift) = checking.await.map_err(|error| after_older(error, &older))?;
    if !drift.is_empty() && verification.on_mismatch == OnMismatch::Fail {
        return Err(AddError::Drift {
            major: stand.major,
            difference: Box::new(drift),
            older: lasting(site, older),
            is_replayed: site.is_replayed,
        });
    }
    if let Some(signal) = site.run.interrupt.signals().first {
        return Err(AddError::Older(Box::new(ApplyError::Interrupted {
            signal,
            committed: lasting(site, older),
        })));
    }
    if !site.is_replayed {
        let remembering = remember(site.run, &stand).await;
        remembering.map_err(|error| after_older(error, &older))?;
    }
    Ok((older, stand, drift))
}

/// Files against ledger, all problems of both told at once.
async fn look(run: &Run, all: &mut [Migration]) -> Result<(History, Plan), AddError> {
    let session = reach(run).await?;
    let ledger = Ledger::find(&session, &run.project, run.owner.as_deref()).await?;
    let options = Options {
        strict: run.settings.strict,
        ..Options::default()
    };
    let survey = survey(&session, &ledger, all, &options, None).await?;
    session.close().await;
    Ok((survey.history, survey.plan))
}

fn pending(others: &[Migration], history: &History) -> Vec<Name> {
    let names = others.iter().map(|migration| &migration.name);
    names
        .filter(|name| !history.is_closed(name))
        .cloned()
        .collect()
}

fn already_applied(name: &Name) -> AddError {
    AddError::Refused {
        reason: format!("`{name}` is applied to the database already"),
        help: "what it does is changed by a new migration; what `add` writes for it is written again with `--throwaway` or `--on URL`, which give it a new name, too".to_owned(),
    }
}

/// What a database has that the folder lacks would become part of the expected
/// schema.
fn refuse_strangers(
    verification: &Verification,
    newcomer: &Newcomer,
    plan: &Plan,
) -> Result<(), AddError> {
    let missing = plan.place.missing();
    if let Some(name) = newcomer.old_name()
        && missing.contains(&name)
    {
        return Err(already_applied(&name));
    }
    let renamed = plan.renamed.iter().find(|one| one.to == *newcomer.name());
    if let Some(renamed) = renamed {
        return Err(already_applied(&renamed.from));
    }
    if !missing.is_empty() && verification.on_mismatch == OnMismatch::Fail {
        let mut copies = draft::leftovers(newcomer.folder());
        copies.retain(|copy| missing.contains(&copy.name));
        return Err(AddError::Ahead {
            missing: missing.to_vec(),
            copies: copies.into_iter().map(|copy| copy.path).collect(),
        });
    }
    Ok(())
}

async fn settle_older(site: Site<'_>, newcomer: &Newcomer) -> Result<(), AddError> {
    let others = newcomer.others.clone();
    let ended = if site.is_replayed {
        hastily(site.run, others).await
    } else {
        Box::pin(up(site.run, others)).await
    };
    let error = match ended {
        // Without a verification nothing is mismatched.
        Ok(Outcome::Settled | Outcome::Ready | Outcome::Mismatched(_)) => return Ok(()),
        Ok(Outcome::Unsettled(report)) => match report.into_result(site.run, &[]) {
            // It told why when it happened.
            Ok(()) => ApplyError::Refused {
                reason: "an older concurrent migration is not done".to_owned(),
                help: "`segue settle` finishes it; then add the file again".to_owned(),
            },
            Err(error) => error,
        },
        Err(ApplyError::Invalid(diagnostics)) => return Err(AddError::Invalid(diagnostics)),
        Err(error) => error,
    };
    Err(AddError::Older(Box::new(error)))
}

/// Says what this run has applied before an error.
fn after_older(error: AddError, older: &[Name]) -> AddError {
    match error {
        AddError::Postgres(error) if !older.is_empty() => AddError::Failed {
            error: Box::new(error.into()),
            older: older.to_vec(),
            remains: Vec::new(),
            replayed_on: None,
        },
        error => error,
    }
}

/// A schema, and where it was read.
struct Stand {
    major: u32,
    snapshot: Snapshot,
    idle_rules: Vec<String>,
    abandoned: BTreeSet<Name>,
}

impl Stand {
    async fn read(
        site: Site<'_>,
        newcomer: &Newcomer,
        verification: &Verification,
    ) -> Result<Self, AddError> {
        let session = reach(site.run).await?;
        let run = site.run;
        let ledger = Ledger::find(&session, &run.project, run.owner.as_deref()).await?;
        let mut history = ledger.history(&session).await?;
        history.follow(&run.project, &newcomer.others);
        let settings = &run.settings;
        let reading = read(&session, settings.lock_timeout, settings.retry_for).await?;
        let mut snapshot = reading.snapshot;
        let idle_rules = verification.rules.apply(&mut snapshot);
        let stand = Self {
            major: session.server_version() / 10_000,
            snapshot,
            idle_rules,
            abandoned: newcomer
                .others
                .iter()
                .filter(|other| {
                    let record = history.records.get(&other.name);
                    record.is_some_and(|record| record.state == State::Abandoned)
                })
                .map(|other| other.name.clone())
                .collect(),
        };
        session.close().await;
        Ok(stand)
    }
}

/// Keeps the schema before the new migration: whoever takes it up after a crash
/// computes from that what it changes.
async fn remember(run: &Run, stand: &Stand) -> Result<(), AddError> {
    let session = reach(run).await?;
    let ledger = Ledger::find(&session, &run.project, run.owner.as_deref()).await?;
    let history = ledger.history(&session).await?;
    // Without one there is nothing to compute yet.
    if let Some(newest) = history.deployments.first() {
        let kept = ledger.snapshot(&session, stand.major).await?;
        if kept.is_none_or(|(_, kept)| kept != stand.snapshot) {
            ledger
                .keep_snapshot(&session, stand.major, newest.id, &stand.snapshot)
                .await?;
        }
    }
    session.close().await;
    Ok(())
}

/// What the expected schema has, with everything older settled; `None` without
/// an expected schema for this major.
fn expected(
    verification: &Verification,
    newcomer: &Newcomer,
    stand: &Stand,
) -> Result<Option<Snapshot>, AddError> {
    let Some(mut expected) = expected::read(&verification.folder, stand.major)? else {
        return Ok(None);
    };
    verification.rules.apply(&mut expected);
    for other in &newcomer.others {
        // What was given up is subtracted, unless the expected schema has
        // forgotten it already.
        if stand.abandoned.contains(&other.name)
            && let Some(diff) = other
                .schema_diff
                .as_deref()
                .and_then(|parts| parts.get(&stand.major))
        {
            let _ = diff.inverse().apply(&mut expected);
        }
    }
    Ok(Some(expected))
}

/// Runs the new migration, the only one that is pending.
async fn run_new(site: Site<'_>, all: Vec<Migration>) -> Result<(), ApplyError> {
    let run = site.run;
    let sparing = Run {
        events: if site.is_replayed {
            run.events.quiet()
        } else {
            run.events.sparing()
        },
        // What is added has to do what it does where tables are in use.
        settings: Settings {
            fold: false,
            ..run.settings.clone()
        },
        ..run.clone()
    };
    match hastily(&sparing, all).await? {
        // Without a verification nothing is mismatched.
        Outcome::Settled | Outcome::Ready | Outcome::Mismatched(_) => Ok(()),
        Outcome::Unsettled(report) => {
            report.into_result(run, &[])?;
            // What is in no list of failures was given up meanwhile.
            Err(ApplyError::Refused {
                reason: "the new migration is not done".to_owned(),
                help: "add it again".to_owned(),
            })
        }
    }
}

/// Runs what is pending; a signal ends it at once, for nothing of it is to go on
/// in the server.
async fn hastily(run: &Run, migrations: Vec<Migration>) -> Result<Outcome, ApplyError> {
    let (signals, interrupt) = Interrupt::channel();
    let hasty = Run {
        interrupt,
        ..run.clone()
    };
    let forwarding = async {
        let first = run.interrupt.first().await;
        signals.send_modify(|signals| {
            signals.first = Some(first);
            // A second one cancels what the first one would leave running.
            signals.interrupts = 2;
        });
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        ended = Box::pin(up(&hasty, migrations)) => ended,
        never = forwarding => match never {},
    }
}
