//! The session beside the builds: it looks at locks, progress and ledger, in
//! autocommit, so that no snapshot of ours is open beside a build.

use std::time::{Duration, Instant};

use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use crate::apply::{Event, Run};
use crate::migration::Name;
use crate::postgres::{self, Session, error::Failure, pooler};

/// Longest `application_name` that the server keeps, in bytes.
const APPLICATION_NAME_BYTES_MAX: usize = 63;

/// One session for all looks, opened again when it was lost. Whoever has it
/// has it alone: a statement that fails inside a small transaction of the
/// ledger must not hit somebody else's.
#[derive(Debug)]
pub(super) struct Control<'a> {
    run: &'a Run,
    session: Mutex<Option<Session>>,
}

impl<'a> Control<'a> {
    pub(super) fn new(run: &'a Run) -> Self {
        Self {
            run,
            session: Mutex::new(None),
        }
    }

    /// The session, connected; tries for `--retry-for`.
    ///
    /// # Errors
    /// As [`Session::connect`].
    pub(super) async fn session(&self) -> Result<MappedMutexGuard<'_, Session>, postgres::Error> {
        let mut guard = self.session.lock().await;
        if guard.as_ref().is_none_or(Session::is_lost) {
            if guard.is_some() {
                self.run.events.tell(Event::ConnectionLost {
                    reason: "the session that watches the tail has ended".to_owned(),
                });
            }
            let session = connect(self.run, self.run.target.application_name()).await?;
            // Looks are quick; one that is not must not hold up the others.
            session.execute("SET statement_timeout = '10s'").await?;
            *guard = Some(session);
        }
        Ok(MutexGuard::map(guard, |session| {
            session.as_mut().expect("connected just above")
        }))
    }

    /// Ends the session, if there is one.
    pub(super) async fn close(self) {
        if let Some(session) = self.session.into_inner() {
            session.close().await;
        }
    }
}

/// Connects under an `application_name` by which others see who we are; tries
/// for `--retry-for`, since a server that was there a moment ago comes back.
///
/// # Errors
/// As [`Session::connect`].
pub(super) async fn connect(run: &Run, application: &str) -> Result<Session, postgres::Error> {
    let target = run.target.with_application_name(application);
    let began = Instant::now();
    loop {
        let error = match Session::connect(&target, run.connect_wait).await {
            Ok(session) => match pooler::settle_in(&session).await {
                Ok(_) => return Ok(session),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if !is_transient(&error) || began.elapsed() >= run.settings.retry_for {
            return Err(error);
        }
        tokio::time::sleep(jittered(Duration::from_secs(1))).await;
    }
}

/// Whether the connection is what failed, so that another one may do.
pub(super) fn is_transient(error: &postgres::Error) -> bool {
    matches!(error, postgres::Error::Connect(_)) || error.failure() == Failure::ConnectionLost
}

/// `duration`, up to a quarter more or less, so that several runners do not
/// poll in step.
pub(super) fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(0.75 + fastrand::f64() / 2.0)
}

/// `segue: main/index.sql`, cut to what the server keeps.
pub(super) fn application_name(project: &str, name: &Name) -> String {
    let mut text = format!("segue: {project}/{name}");
    let mut end = text.len().min(APPLICATION_NAME_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_name_is_cut_between_characters() {
        let name = |file: &str| application_name("main", &Name::new(file));
        assert_eq!(name("index.sql"), "segue: main/index.sql");
        let long = name(&format!("{}é.sql", "a".repeat(50)));
        assert_eq!(long, format!("segue: main/{}", "a".repeat(50)));
    }
}
