//! Looks out for signals while a backfill works, in a session of its own: who
//! waits for a batch is seen only while it runs.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::backfill::throttle::{Limits, News, Reading, Signal, Throttle, Unseen};
use crate::postgres::backfill::signals::{self, Asked, Sight};
use crate::postgres::{Error, Session, Target};

/// Longest time for a look, a new connection included. A server that takes
/// longer is busy enough.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// What came of a look, and how long after the one before.
type Look = (Result<Reading, String>, Duration);

/// The signals of one backfill; they are looked for until it is dropped.
#[derive(Debug)]
pub struct Lookout {
    throttle: Throttle,
    looks: UnboundedReceiver<Look>,
    task: JoinHandle<()>,
    unseen: Vec<Unseen>,
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lookout {
    /// Begins to look for what `limits` ask for beside `session`, which works
    /// on the table with oid `relation`. `None` if that is nothing.
    ///
    /// # Errors
    /// As [`Session::execute`], of `session`.
    pub async fn begin(
        session: &Session,
        limits: &Limits,
        relation: u32,
    ) -> Result<Option<Self>, Error> {
        if limits.is_none() {
            return Ok(None);
        }
        let (sender, looks) = unbounded_channel();
        let post = Post {
            target: session.target().clone(),
            server: Sight::of(session).await?.server,
            limits: limits.clone(),
            relation,
            pid: session.backend().pid,
            session: None,
        };
        Ok(Some(Self {
            throttle: Throttle::new(limits.clone()),
            looks,
            task: tokio::spawn(post.stand(sender)),
            unseen: Vec::new(),
        }))
    }

    /// Takes up the looks that have been made since the last call, without
    /// waiting; what of them is to be told.
    pub fn catch_up(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        while let Ok(look) = self.looks.try_recv() {
            news.extend(self.take(&look));
        }
        news
    }

    /// Waits for the next look, and takes it up.
    pub async fn next(&mut self) -> Option<News> {
        match self.looks.recv().await {
            Some(look) => self.take(&look),
            // Only a panic ends the task; without signals to see, it waits.
            None => std::future::pending().await,
        }
    }

    /// The state so far.
    #[must_use]
    pub fn throttle(&self) -> &Throttle {
        &self.throttle
    }

    /// The signals that are there now.
    #[must_use]
    pub fn signals(&self) -> Vec<Signal> {
        self.throttle.signals()
    }

    /// What could not be seen and has not been told.
    pub fn unseen(&mut self) -> Vec<Unseen> {
        std::mem::take(&mut self.unseen)
    }

    fn take(&mut self, (seen, after): &Look) -> Option<News> {
        match seen {
            Ok(reading) => {
                self.throttle.look(reading, *after);
                self.unseen.extend(self.throttle.unseen(reading));
            }
            Err(reason) => {
                self.throttle.missed(reason, *after);
            }
        }
        self.throttle.news()
    }
}

/// Who looks.
struct Post {
    target: Target,
    /// The server on which the batches run.
    server: String,
    limits: Limits,
    relation: u32,
    pid: i32,
    session: Option<(Session, Asked)>,
}

impl Post {
    async fn stand(mut self, sender: UnboundedSender<Look>) {
        let mut last: Option<Instant> = None;
        loop {
            let seen = match tokio::time::timeout(LOOK_MAX, self.look()).await {
                Ok(Ok(reading)) => Ok(reading),
                // A session of which something is outstanding is of no use.
                Ok(Err(error)) => {
                    self.session = None;
                    tracing::debug!(%error, "the signals cannot be read");
                    Err(error.to_string())
                }
                Err(_) => {
                    self.session = None;
                    Err(format!("no answer within {} s", LOOK_MAX.as_secs()))
                }
            };
            let now = Instant::now();
            let after = last.map_or(Duration::ZERO, |last| now.duration_since(last));
            last = Some(now);
            if sender.send((seen, after)).is_err() {
                return;
            }
            tokio::time::sleep(self.limits.every).await;
        }
    }

    async fn look(&mut self) -> Result<Reading, Error> {
        let (session, asked) = if let Some(open) = &self.session {
            open
        } else {
            let open = self.open().await?;
            &*self.session.insert(open)
        };
        signals::read(session, &self.limits, asked).await
    }

    async fn open(&self) -> Result<(Session, Asked), Error> {
        let session = Session::connect(&self.target, Duration::ZERO).await?;
        signals::only_look(&session).await?;
        let sight = Sight::of(&session).await?;
        if sight.server != self.server {
            return Err(Error::protocol("another server than the batches' own"));
        }
        let asked = Asked {
            relation: self.relation,
            pid: self.pid,
            sight,
        };
        Ok((session, asked))
    }
}
