//! Reading the live schema in a transaction of its own, and judging it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Checked, Expectation, Stage};
use crate::apply::survey::Survey;
use crate::apply::{ApplyError, PAUSE_MIN};
use crate::postgres::ledger::Ledger;
use crate::postgres::{self, Failure, Session, introspect};
use crate::verify::Concurrent;

/// How often a schema is read that is not legal before that is believed.
pub(in crate::apply) const READINGS_MAX: usize = 2;

/// Reads the schema and judges it. What is not legal is read again before it is
/// believed: several statements make a snapshot, and functions of the server
/// that render definitions read the present.
///
/// A lock that is in the way is waited for `lock_timeout` at a time, and for
/// `patience` in all.
///
/// # Errors
/// [`ApplyError::TimedOut`], [`ApplyError::Postgres`], and those of
/// [`Expectation::judge`].
pub async fn look(
    expectation: &Expectation,
    stage: Stage,
    session: &Session,
    ledger: &Ledger,
    survey: &Survey,
    lock_timeout: Duration,
    patience: Duration,
) -> Result<Checked, ApplyError> {
    let began = Instant::now();
    let mut readings = 0;
    loop {
        let looked = Instant::now();
        let before = concurrent_now(expectation, session, ledger, survey).await?;
        let reading = match patiently(session, lock_timeout, introspect::read).await {
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
                continue;
            }
            reading => reading?,
        };
        let after = concurrent_now(expectation, session, ledger, survey).await?;
        let mut checked = expectation.judge(stage, reading.snapshot, &before, after, survey)?;
        checked.duration = looked.elapsed();
        readings += 1;
        if checked.verdict.is_legal() || readings == READINGS_MAX {
            return Ok(checked);
        }
    }
}

/// How far all concurrent migrations are at this moment.
pub(in crate::apply) async fn concurrent_now(
    expectation: &Expectation,
    session: &Session,
    ledger: &Ledger,
    survey: &Survey,
) -> Result<Vec<Concurrent>, postgres::Error> {
    let history = ledger.history(session).await?;
    let none = BTreeSet::new();
    Ok(expectation.concurrent(&survey.graph, &history, ledger.project(), &none))
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
