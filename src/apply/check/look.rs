//! Reading the live schema in a transaction of its own, and judging it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Checked, Expectation, Stage};
use crate::apply::survey::Survey;
use crate::apply::{ApplyError, PAUSE_MIN};
use crate::graph::Graph;
use crate::history::{History, State};
use crate::migration::Name;
use crate::postgres::ledger::Ledger;
use crate::postgres::{self, Failure, Session, introspect};
use crate::schema::{Diff, Snapshot};
use crate::verify::Concurrent;

/// How often a schema is read that is not legal before that is believed.
pub(in crate::apply) const READINGS_MAX: usize = 2;

/// What is needed to look at a live schema.
#[derive(Debug)]
pub struct Looking<'a> {
    /// What is expected.
    pub expectation: &'a Expectation,
    /// Where to read how far the concurrent migrations are.
    pub ledger: &'a Ledger,
    /// The folder, and what was known of the database.
    pub survey: &'a Survey,
    /// Longest wait for a lock at a time.
    pub lock_timeout: Duration,
    /// How long it is tried in all while locks are in the way.
    pub patience: Duration,
}

impl Looking<'_> {
    /// Reads the schema and judges it; `session` is in autocommit. What is not
    /// legal is read again before it is believed: several statements make a
    /// snapshot, and functions of the server that render definitions read the
    /// present.
    ///
    /// # Errors
    /// [`ApplyError::TimedOut`], [`ApplyError::Postgres`], and those of
    /// [`Expectation::judge`].
    pub async fn look(&self, session: &Session, stage: Stage) -> Result<Checked, ApplyError> {
        let mut readings = 0;
        loop {
            let began = Instant::now();
            let before =
                concurrent_now(self.expectation, session, self.ledger, self.survey).await?;
            let reading = read(session, self.lock_timeout, self.patience).await?;
            let mut history = self.ledger.history(session).await?;
            history.follow(self.ledger.project(), self.survey.graph.migrations());
            let after = self.standing(&history);
            let judged =
                self.expectation
                    .judge(stage, reading.snapshot, &before, after, self.survey);
            let mut checked = judged?;
            checked.duration = began.elapsed();
            checked.overtaken = overtaken(&history, &self.survey.graph);
            readings += 1;
            if checked.verdict.is_legal() || readings == READINGS_MAX {
                return Ok(checked);
            }
        }
    }

    fn standing(&self, history: &History) -> Vec<Concurrent> {
        let (graph, project) = (&self.survey.graph, self.ledger.project());
        self.expectation
            .concurrent(graph, history, project, &BTreeSet::new())
    }
}

/// Reads the schema on a session in autocommit, as often as a lock is in the
/// way: waiting in one queue for long would keep a snapshot open, and a
/// concurrent build waits for that.
///
/// # Errors
/// [`ApplyError::TimedOut`] after `patience`, [`ApplyError::Postgres`].
pub async fn read(
    session: &Session,
    lock_timeout: Duration,
    patience: Duration,
) -> Result<introspect::Reading, ApplyError> {
    let began = Instant::now();
    loop {
        match patiently(session, lock_timeout, introspect::read).await {
            Err(error) if error.failure() == Failure::LockTimeout => {
                if began.elapsed() >= patience {
                    return Err(ApplyError::TimedOut {
                        what: format!("a lock that reading the schema needs: {error}"),
                        after: began.elapsed(),
                        option: "--retry-for",
                        committed: Vec::new(),
                    });
                }
                tokio::time::sleep(PAUSE_MIN).await;
            }
            reading => return Ok(reading?),
        }
    }
}

/// What was applied meanwhile by somebody with a newer folder.
fn overtaken(history: &History, graph: &Graph) -> Vec<Name> {
    let applied = history
        .records
        .iter()
        .filter(|(name, record)| record.state == State::Applied && graph.get(name).is_none());
    applied.map(|(name, _)| name.clone()).collect()
}

/// What is not as the last settled deployment, whose number is told, has left
/// it; `None` if it has kept nothing, or something was applied since.
///
/// # Errors
/// As [`Looking::look`].
pub async fn drift(
    looking: &Looking<'_>,
    session: &Session,
) -> Result<Option<(i64, Diff)>, ApplyError> {
    let settled = settled_snapshot(looking, session).await?;
    let Some((deployment, settled)) = settled else {
        return Ok(None);
    };
    let live = read(session, looking.lock_timeout, looking.patience).await?;
    let live = live.snapshot;
    let difference = looking.expectation.drift(settled, live);
    Ok(Some((deployment, difference)))
}

/// The schema as the last settled deployment left it, if nothing was applied
/// since, or taken back in part: that would look like drift.
pub(in crate::apply) async fn settled_snapshot(
    looking: &Looking<'_>,
    session: &Session,
) -> Result<Option<(i64, Snapshot)>, ApplyError> {
    let major = looking.expectation.major();
    let settled = looking.ledger.snapshot(session, major).await?;
    if !looking.survey.history.reverting.is_empty() {
        return Ok(None);
    }
    let records = &looking.survey.history.records;
    Ok(settled.filter(|(deployment, _)| {
        records
            .values()
            .all(|one| one.deployment <= Some(*deployment))
    }))
}

/// How far all concurrent migrations are at this moment.
pub(in crate::apply) async fn concurrent_now(
    expectation: &Expectation,
    session: &Session,
    ledger: &Ledger,
    survey: &Survey,
) -> Result<Vec<Concurrent>, postgres::Error> {
    let mut history = ledger.history(session).await?;
    history.follow(ledger.project(), survey.graph.migrations());
    // Whatever is verified comes after the blocks.
    let done = survey.plan.folded().cloned().collect();
    Ok(expectation.concurrent(&survey.graph, &history, ledger.project(), &done))
}

/// Reads on a session in autocommit, waiting for each lock at most so long: a
/// function that renders a definition waits behind a stranger's ACCESS
/// EXCLUSIVE.
pub(in crate::apply) async fn patiently<'a, T>(
    session: &'a Session,
    lock_timeout: Duration,
    read: impl AsyncFnOnce(&'a Session) -> Result<T, postgres::Error>,
) -> Result<T, postgres::Error> {
    let milliseconds = lock_timeout.as_millis().max(1);
    session
        .execute(&format!("SET lock_timeout = {milliseconds}"))
        .await?;
    let reading = read(session).await;
    if !session.is_lost() {
        session.execute("RESET lock_timeout").await?;
    }
    reading
}
