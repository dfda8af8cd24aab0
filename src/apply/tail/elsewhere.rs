//! Waiting for a concurrent migration that another session runs, before the
//! batch goes on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::control::jittered;
use super::watch::{Watch, Whose};
use crate::apply::stalled::Stalled;
use crate::apply::{ApplyError, Event, Run};
use crate::history::LockKey;
use crate::migration::Name;
use crate::plan::Holder;
use crate::postgres::ledger::Ledger;
use crate::postgres::{Session, activity};

/// Waits until nobody works any more on `name`, which `needed_by` needs before
/// it can run; tells who does and how far it is.
///
/// # Errors
/// [`ApplyError::TimedOut`] after `--concurrent-wait` in all,
/// [`ApplyError::Interrupted`] on a signal, [`ApplyError::Postgres`] if
/// `control` fails.
pub(in crate::apply) async fn wait_for(
    run: &Run,
    ledger: &Ledger,
    control: &Session,
    name: &Name,
    needed_by: &Name,
) -> Result<(), ApplyError> {
    let key = LockKey::migration(&run.project, name);
    let watch = Watch::new(run, ledger);
    let began = Instant::now();
    let mut looked = None;
    let mut stalled = Stalled::new(run);
    while let Some(holder) = activity::holder(control, key).await? {
        let pid = holder.pid;
        stalled.look(control, &holder).await?;
        if watch.begin(name, pid, Whose::Elsewhere) {
            run.events.tell(Event::RunsElsewhere {
                name: name.clone(),
                holder,
            });
        }
        if looked.is_none_or(|looked: Instant| looked.elapsed() >= watch.pause()) {
            looked = Some(Instant::now());
            watch.look(control).await?;
        }
        let after = began.elapsed();
        if after >= run.settings.concurrent_wait {
            return Err(ApplyError::TimedOut {
                what: format!(
                    "`{name}`, which runs in pid {pid} and which `{needed_by}` needs done"
                ),
                after,
                option: "--concurrent-wait",
                committed: Vec::new(),
            });
        }
        tokio::select! {
            () = tokio::time::sleep(jittered(Duration::from_millis(500))) => {}
            signal = run.interrupt.first() => {
                return Err(ApplyError::Interrupted { signal, committed: Vec::new() });
            }
        }
    }
    Ok(())
}

/// Waits until none of `holders` holds a lock on the relation with this OID;
/// tells how far each is.
///
/// # Errors
/// As [`wait_for`].
pub(in crate::apply) async fn wait_out(
    run: &Run,
    ledger: &Ledger,
    control: &Session,
    holders: &[Holder],
    relation: u32,
    relation_name: &str,
) -> Result<(), ApplyError> {
    let watch = Watch::new(run, ledger);
    for holder in holders {
        watch.begin(&holder.name, holder.pid, Whose::Elsewhere);
    }
    let pids: Vec<i32> = holders.iter().map(|holder| holder.pid).collect();
    let began = Instant::now();
    let mut looked = None;
    loop {
        let holding = activity::holding(control, relation, &pids).await?;
        let holding: BTreeSet<i32> = holding.into_iter().collect();
        let Some(last) = holders.iter().find(|one| holding.contains(&one.pid)) else {
            return Ok(());
        };
        for holder in holders.iter().filter(|one| !holding.contains(&one.pid)) {
            watch.end(&holder.name);
        }
        if looked.is_none_or(|looked: Instant| looked.elapsed() >= watch.pause()) {
            looked = Some(Instant::now());
            watch.look(control).await?;
        }
        let after = began.elapsed();
        if after >= run.settings.concurrent_wait {
            return Err(ApplyError::TimedOut {
                what: format!(
                    "`{}`, which runs in pid {} and holds a lock on `{relation_name}`",
                    last.name, last.pid
                ),
                after,
                option: "--concurrent-wait",
                committed: Vec::new(),
            });
        }
        tokio::select! {
            () = tokio::time::sleep(jittered(Duration::from_millis(500))) => {}
            signal = run.interrupt.first() => {
                return Err(ApplyError::Interrupted { signal, committed: Vec::new() });
            }
        }
    }
}
