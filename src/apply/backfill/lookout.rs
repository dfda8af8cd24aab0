//! Looks at what a backfill may have to wait for, in a session of its own,
//! while batches run: who waits for one is seen only then.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{News, Work};
use crate::apply::{Event, Events};
use crate::backfill::throttle::{self, Limits, Throttle};
use crate::migration::Name;
use crate::postgres::backfill::signals::{self, Asked, Sight};
use crate::postgres::{Error, Session, Target};

/// Longest wait for a session of its own; it is tried again after that.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What the last look says.
#[derive(Clone, Debug, Default)]
pub(super) struct Sign {
    /// Whether there was a look at all.
    pub(super) has_looked: bool,
    /// For people; none: go on.
    pub(super) signals: Vec<String>,
    /// So long it has waited without a break, which is longer than it may.
    pub(super) too_long: Option<Duration>,
}

/// Looks until it is dropped.
#[derive(Debug)]
pub(super) struct Lookout {
    sign: watch::Receiver<Sign>,
    task: JoinHandle<()>,
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lookout {
    /// Begins to look; `None` if there is nothing to look at.
    pub(super) fn begin(work: &Work<'_>, relation: u32, pid: i32) -> Option<Self> {
        let limits = &work.run.settings.backfill;
        if limits.is_none() {
            return None;
        }
        let (sender, sign) = watch::channel(Sign::default());
        let looking = Looking {
            target: work.run.target.clone(),
            events: work.run.events.clone(),
            name: work.migration.name.clone(),
            throttle: Throttle::new(limits.clone()),
            limits: limits.clone(),
            looked: None,
            sender,
        };
        let task = tokio::spawn(async move {
            let _: Infallible = looking.all(relation, pid).await;
        });
        Some(Self { sign, task })
    }

    /// What the last look says.
    pub(super) fn sign(&self) -> Sign {
        self.sign.borrow().clone()
    }

    /// Waits for the next look, or so long.
    pub(super) async fn next(&mut self, longest: Duration) {
        // Its end would be a bug, and is no reason to spin.
        if let Ok(Err(_)) = tokio::time::timeout(longest, self.sign.changed()).await {
            tokio::time::sleep(longest).await;
        }
    }
}

struct Looking {
    target: Target,
    events: Events,
    name: Name,
    throttle: Throttle,
    limits: Limits,
    /// When it looked last.
    looked: Option<Instant>,
    sender: watch::Sender<Sign>,
}

impl Looking {
    async fn all(mut self, relation: u32, pid: i32) -> Infallible {
        loop {
            let Err(error) = self.look(relation, pid).await;
            let after = self.after();
            self.throttle.missed(&error.to_string(), after);
            self.tell();
            tokio::time::sleep(self.limits.every).await;
        }
    }

    /// Looks again and again, until that fails.
    async fn look(&mut self, relation: u32, pid: i32) -> Result<Infallible, Error> {
        let session = Session::connect(&self.target, CONNECT_MAX).await?;
        signals::only_look(&session).await?;
        let asked = Asked {
            relation,
            pid,
            sight: Sight::of(&session).await?,
        };
        loop {
            let reading = signals::read(&session, &self.limits, &asked).await?;
            let after = self.after();
            self.throttle.look(&reading, after);
            for unseen in self.throttle.unseen(&reading) {
                self.news(News::Unseen {
                    what: unseen.told().to_owned(),
                });
            }
            self.tell();
            tokio::time::sleep(self.limits.every).await;
        }
    }

    /// Since the last look.
    fn after(&mut self) -> Duration {
        let now = Instant::now();
        let before = self.looked.replace(now);
        before.map_or(Duration::ZERO, |before| now.duration_since(before))
    }

    fn tell(&mut self) {
        match self.throttle.news() {
            Some(throttle::News::Waits { signals, lasts }) => self.news(News::Throttled {
                signals: signals.iter().map(ToString::to_string).collect(),
                since: lasts,
            }),
            Some(throttle::News::GoesOn { waited }) => self.news(News::GoesOn { after: waited }),
            None => {}
        }
        let signals = self.throttle.signals();
        self.sender.send_replace(Sign {
            has_looked: true,
            signals: signals.iter().map(ToString::to_string).collect(),
            too_long: self
                .throttle
                .is_too_long()
                .then(|| self.throttle.lasts())
                .flatten(),
        });
    }

    fn news(&self, news: News) {
        self.events.tell(Event::Backfill {
            name: self.name.clone(),
            news,
        });
    }
}
