//! The batch's lock: held by the very session that runs the blocks, polled,
//! never waited for in the server.

use std::time::{Duration, Instant};

use super::Runner;
use super::server::{self, Heeds};
use crate::apply::stalled::{AT_WORK, Stalled};
use crate::apply::{ApplyError, Event, Run};
use crate::history::LockKey;
use crate::postgres::{Session, activity, lock};

/// Pause between two tries, before jitter.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Whoever waits for less is not worth a line.
const TOLD_AFTER: Duration = Duration::from_millis(250);

impl Runner<'_> {
    /// Before anything is written: whether sessions have server processes of
    /// their own. Costs a session that the batch needs anyway.
    pub(super) async fn prove(&mut self) -> Result<(), ApplyError> {
        if !self.is_proved {
            self.control_again().await?;
            self.spare = Some(server::beside(self.run, &self.control).await?);
            self.is_proved = true;
        }
        Ok(())
    }

    /// Opens the batch's session if it is not open, and takes the batch's lock.
    pub(super) async fn fence(&mut self) -> Result<(), ApplyError> {
        self.control_again().await?;
        if self.batch.as_ref().is_some_and(Session::is_lost) {
            self.batch = None;
        }
        if self.batch.is_some() {
            return Ok(());
        }
        let session = match self.spare.take() {
            Some(session) if !session.is_lost() => session,
            _ => {
                let patience = self.run.settings.retry_for;
                server::reach_again(self.run, patience, Heeds::Signals).await?
            }
        };
        let key = LockKey::batch(&self.run.project);
        let signs = Signs::Expected;
        poll(
            self.run,
            &self.control,
            &session,
            key,
            "the batch lock",
            signs,
        )
        .await?;
        self.batch = Some(session);
        Ok(())
    }

    /// Says to those who wait for the batch's lock that its session is idle for
    /// good reason.
    pub(super) async fn work_elsewhere(&self) {
        if let Some(session) = &self.batch {
            // That it is lost, its next statement tells.
            let _ = session.execute(AT_WORK).await;
        }
    }

    /// Ends the batch's session, and with it the lock.
    pub(super) async fn unfence(&mut self) {
        for session in [self.batch.take(), self.spare.take()].into_iter().flatten() {
            session.close().await;
        }
    }
}

/// Whether a session that holds a lock shows that its runner lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::apply) enum Signs {
    /// It works in it, or says something at times.
    Expected,
    /// It may be at work elsewhere for as long as it likes.
    None,
}

/// Polls until `session` holds `key`, telling who has it; whether it was had at
/// once.
///
/// # Errors
/// [`ApplyError::TimedOut`] after `--retry-for`, [`ApplyError::Interrupted`].
pub(in crate::apply) async fn poll(
    run: &Run,
    control: &Session,
    session: &Session,
    key: LockKey,
    what: &str,
    signs: Signs,
) -> Result<bool, ApplyError> {
    let mut stalled = Stalled::new(run);
    let began = Instant::now();
    let mut told = None;
    let mut pause = PAUSE;
    let mut was_free = true;
    while !lock::try_lock(session, key).await? {
        was_free = false;
        let holder = lock::held(control).await?.get(&key).copied();
        // The backend of a run that has just ended may take a moment to go.
        if let Some(pid) = holder
            && told != holder
            && began.elapsed() >= TOLD_AFTER
            && let Some(backend) = activity::backend(control, pid).await?
        {
            told = holder;
            run.events.tell(Event::WaitingForBatch { holder: backend });
        }
        if signs == Signs::Expected
            && let Some(pid) = holder
            && began.elapsed() >= TOLD_AFTER
            && let Some(backend) = activity::backend(control, pid).await?
        {
            stalled.look(control, &backend).await?;
        }
        if began.elapsed() > run.settings.retry_for {
            return Err(ApplyError::TimedOut {
                what: match holder {
                    Some(pid) => format!("{what}, held by pid {pid}"),
                    None => what.to_owned(),
                },
                after: began.elapsed(),
                option: "--retry-for",
                committed: Vec::new(),
            });
        }
        let jitter = fastrand::u32(75..=125);
        tokio::select! {
            () = tokio::time::sleep(pause * jitter / 100) => {}
            signal = run.interrupt.first() => {
                return Err(ApplyError::Interrupted { signal, committed: Vec::new() });
            }
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
    Ok(was_free)
}
