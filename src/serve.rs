//! Readiness over HTTP and to load balancers: one task follows the database,
//! whatever the number of clients, and everybody is answered from what it saw
//! last.
//!
//! It reads only. What is ready is decided by [`crate::readiness`]; here it is
//! told to those who ask, in their own protocols, with its age.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinError;

use crate::apply::watch::{Watch, Watched};
use crate::readiness::Goal;
use crate::schema::Rules;

mod agent;
mod door;
mod drift;
mod events;
#[cfg(test)]
mod example;
mod follow;
mod keeper;
mod metrics;
mod patient;
mod routes;
mod state;

pub use state::State;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where HTTP is spoken; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where HAProxy's agent-check is answered, if anywhere.
    pub agent: Option<SocketAddr>,
    /// What counts as ready.
    pub goal: Goal,
    /// How long what was seen last counts while the database is away.
    pub stale_after: Duration,
    /// How long to say "not ready" before stopping.
    pub drain: Duration,
    /// How often to compare the live schema with the settled one, if at all.
    pub drift_every: Option<Duration>,
    /// Which part of the schema is the project's.
    pub rules: Rules,
    /// Names, beside addresses and `localhost`, by which requests may call us.
    pub hosts: Vec<String>,
}

/// Why serving cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
}

/// Listens already, and serves once it is run.
#[derive(Debug)]
pub struct Server {
    http: TcpListener,
    agent: Option<TcpListener>,
    settings: Settings,
}

/// What the server is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Go on.
    Serving,
    /// Stop soon: connections end with the answer that is under way.
    Leaving,
    /// Stop now: streams end too.
    Stopping,
}

/// What has a part in the server's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Course {
    phase: Phase,
    /// Whether to say "not ready" because of it.
    drains: bool,
}

/// Whoever was about to connect when the signal came is still answered.
const LEAVE: Duration = Duration::from_millis(250);

/// What does not end by itself is cut off after this long.
const STOP_MAX: Duration = Duration::from_secs(5);

impl Server {
    /// Listens on the addresses of `settings`.
    ///
    /// # Errors
    /// [`ServeError::Bind`].
    pub async fn bind(settings: Settings) -> Result<Self, ServeError> {
        let agent = match settings.agent {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        Ok(Self {
            http: bind(settings.listen).await?,
            agent,
            settings,
        })
    }

    /// Where HTTP is spoken, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.http.local_addr().unwrap_or(self.settings.listen)
    }

    /// Where the agent-check is answered.
    #[must_use]
    pub fn agent_address(&self) -> Option<SocketAddr> {
        let agent = self.agent.as_ref()?;
        agent.local_addr().ok().or(self.settings.agent)
    }

    /// Serves until `stop` is over, then finishes what is under way. `tell`
    /// hears what is new for people.
    pub async fn run(
        self,
        watched: Watched,
        stop: impl Future<Output = ()>,
        tell: impl FnMut(&State) + Send + 'static,
    ) {
        let address = self.address();
        let Self {
            http,
            agent,
            settings,
        } = self;
        let began = state::Moment::now();
        let first = State::new(&watched.project, settings.goal, &began);
        let (publisher, state) = watch::channel(Arc::new(first));
        let (course, steps) = watch::channel(Course {
            phase: Phase::Serving,
            drains: false,
        });
        let (drifts, drift) = watch::channel(None);
        let drifter = settings.drift_every.map(|every| {
            let rules = settings.rules.clone();
            let drifting = drift::follow(watched.clone(), rules, every, state.clone(), drifts);
            tokio::spawn(drifting)
        });
        let mut follower = tokio::spawn(follow::follow(
            Watch::new(watched),
            settings.clone(),
            publisher,
            began,
        ));
        let teller = tokio::spawn(follow::tell(state.clone(), tell));
        let shared = routes::Shared::new(&settings, address, state.clone(), steps.clone(), drift);
        let http = tokio::spawn(door::http(http, routes::router(shared.clone()), shared));
        let agent = agent.map(|agent| tokio::spawn(door::agent(agent, state, steps)));

        tokio::select! {
            () = stop => {}
            // It goes on for ever, unless it panics; and what nobody looks
            // after must not be told as the truth.
            ended = &mut follower => {
                if let Some(panic) = ended.err().filter(JoinError::is_panic) {
                    std::panic::resume_unwind(panic.into_panic());
                }
            }
        }
        let drains = settings.drain > Duration::ZERO;
        course.send_replace(Course {
            phase: Phase::Leaving,
            drains,
        });
        tokio::time::sleep(settings.drain.max(LEAVE)).await;
        course.send_replace(Course {
            phase: Phase::Stopping,
            drains,
        });
        let ending = async {
            let _ = http.await;
            if let Some(agent) = agent {
                let _ = agent.await;
            }
        };
        // Who does not take its answer is not waited for.
        let _ = tokio::time::timeout(STOP_MAX, ending).await;
        teller.abort();
        follower.abort();
        if let Some(drifter) = drifter {
            drifter.abort();
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Bind { address, source })
}
