//! Looks at what a backfill may have to wait for, in a session of its own,
//! while batches run: who waits for one is seen only then.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{News, Work};
use crate::apply::{Event, Events};
use crate::backfill::throttle::{self, Limits, Reading, Throttle};
use crate::migration::Name;
use crate::postgres::backfill::signals::{Looker, Place};
use crate::postgres::{Error, Session, Target};

/// Longest time for a look, a new connection included: a server that takes
/// longer is busy enough.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// What the last look says.
#[derive(Clone, Debug, Default)]
pub(super) struct Sign {
    /// Whether there was a look at all.
    pub(super) has_looked: bool,
    /// For people; none: go on.
    pub(super) signals: Vec<String>,
    /// The first of them without its numbers.
    pub(super) cause: Option<String>,
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
    /// Begins to look beside `session`, which works on the table with oid
    /// `relation`; `None` if there is nothing to look at. On a server or in a
    /// database of segue's own there is nobody to harm.
    ///
    /// # Errors
    /// As [`Session::execute`], of `session`.
    pub(super) async fn begin(
        work: &Work<'_>,
        session: &Session,
        relation: u32,
    ) -> Result<Option<Self>, Error> {
        let limits = &work.run.settings.backfill;
        let target = session.target().clone();
        if limits.is_none() || target.is_own() {
            return Ok(None);
        }
        let (sender, sign) = watch::channel(Sign::default());
        let looking = Looking {
            target,
            place: Place::of(session, relation).await?,
            events: work.run.events.clone(),
            name: work.migration.name.clone(),
            throttle: Throttle::new(limits.clone()),
            limits: limits.clone(),
            looked: None,
            sender,
        };
        let task = tokio::spawn(async move {
            let _: Infallible = looking.all().await;
        });
        Ok(Some(Self { sign, task }))
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
    place: Place,
    events: Events,
    name: Name,
    throttle: Throttle,
    limits: Limits,
    /// When it looked last.
    looked: Option<Instant>,
    sender: watch::Sender<Sign>,
}

impl Looking {
    async fn all(mut self) -> Infallible {
        let mut looker = None;
        loop {
            let look = Box::pin(look(&self.target, &self.limits, &self.place, looker.take()));
            let seen = tokio::time::timeout(LOOK_MAX, look).await;
            let after = self.after();
            match seen {
                Ok(Ok((open, reading))) => {
                    looker = Some(open);
                    self.throttle.look(&reading, after);
                    for unseen in self.throttle.unseen(&reading) {
                        self.news(News::Unseen {
                            what: unseen.told().to_owned(),
                        });
                    }
                }
                Ok(Err(error)) => {
                    self.throttle.missed(&error.to_string(), after);
                }
                Err(_) => {
                    let reason = format!("no answer within {} s", LOOK_MAX.as_secs());
                    self.throttle.missed(&reason, after);
                }
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
            cause: signals.first().map(throttle::Signal::cause),
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

/// Looks, in a session that is open already or a new one; one that fails is
/// gone.
async fn look(
    target: &Target,
    limits: &Limits,
    place: &Place,
    open: Option<Looker>,
) -> Result<(Looker, Reading), Error> {
    let looker = match open {
        Some(looker) => looker,
        None => Looker::open(target, limits, place).await?,
    };
    let reading = looker.look().await?;
    Ok((looker, reading))
}
