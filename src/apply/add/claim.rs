//! One `segue add` after the other: in a folder, and on a database that stays.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::AddError;
use crate::apply::up::{Signs, beside, poll, reach};
use crate::apply::{ApplyError, Interrupt, Run};
use crate::files::claim::Claim;
use crate::history::LockKey;
use crate::postgres::Session;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Holds `folders`, and `folder`, which is made if it is not there; `except` is
/// the folder of the expected schema. While another `segue add` has them, it is
/// waited for, up to `bound`; `wait` is called once then.
///
/// # Errors
/// [`ApplyError::TimedOut`], [`ApplyError::Interrupted`]; a folder that cannot
/// be made.
pub async fn claim(
    folders: &[PathBuf],
    folder: &Path,
    except: &Path,
    bound: Duration,
    interrupt: &Interrupt,
    wait: impl FnOnce(),
) -> Result<Claim, AddError> {
    let began = Instant::now();
    let mut wait = Some(wait);
    loop {
        if let Some(claim) = Claim::try_take(folders, folder, except)? {
            return Ok(claim);
        }
        if let Some(wait) = wait.take() {
            wait();
        }
        if began.elapsed() >= bound {
            return Err(AddError::from(ApplyError::TimedOut {
                what: format!("another `segue add` in `{}`", folder.display()),
                after: began.elapsed(),
                option: "--concurrent-wait",
                committed: Vec::new(),
            }));
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            signal = interrupt.first() => {
                return Err(AddError::from(ApplyError::Interrupted {
                    signal,
                    committed: Vec::new(),
                }));
            }
        }
    }
}

/// A session that holds the database for this `segue add`, until it is dropped:
/// what another one did between two looks at the schema would count as ours.
///
/// # Errors
/// As [`poll`].
pub(super) async fn turn(run: &Run) -> Result<Session, AddError> {
    let session = reach(run).await?;
    beside(run, &session).await?.close().await;
    let key = LockKey::add(&run.project);
    poll(
        run,
        &session,
        &session,
        key,
        "another `segue add`",
        Signs::None,
    )
    .await?;
    Ok(session)
}
