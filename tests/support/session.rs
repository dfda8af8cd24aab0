//! A connection of the test's own, used from ordinary functions.

use std::future::poll_fn;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Error, NoTls, SimpleQueryMessage};

use super::server::runtime;
use super::wait::wait_until;

/// An open connection; closed when dropped.
#[derive(Debug)]
pub struct TestSession {
    client: Arc<Client>,
    pid: i32,
    notifications: Mutex<Receiver<(String, String)>>,
    notices: Mutex<Receiver<String>>,
}

/// A statement that is running.
#[derive(Debug)]
pub struct Pending(JoinHandle<Result<String, Error>>);

impl TestSession {
    /// Connects.
    #[track_caller]
    pub fn connect(url: &str) -> Self {
        Self::try_connect(url).unwrap_or_else(|error| panic!("{url}: {error:?}"))
    }

    /// Connects, or gives the error.
    pub fn try_connect(url: &str) -> Result<Self, Error> {
        let (sender, notifications) = channel();
        runtime().block_on(async {
            let (told, notices) = channel();
            let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(async move {
                while let Some(Ok(message)) =
                    poll_fn(|context| connection.poll_message(context)).await
                {
                    // Sent to nobody if the session is gone.
                    match message {
                        AsyncMessage::Notification(notification) => {
                            let channel = notification.channel().to_owned();
                            let _ = sender.send((channel, notification.payload().to_owned()));
                        }
                        AsyncMessage::Notice(notice) => {
                            let _ = told.send(notice.message().to_owned());
                        }
                        _ => {}
                    }
                }
            });
            let pid = query(&client, "SELECT pg_catalog.pg_backend_pid()").await?;
            Ok(Self {
                pid: pid.parse().expect("a pid"),
                client: Arc::new(client),
                notifications: Mutex::new(notifications),
                notices: Mutex::new(notices),
            })
        })
    }

    /// Process id of its backend.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Runs statements, all in one message: several are one transaction.
    #[track_caller]
    pub fn run(&self, sql: &str) {
        self.query(sql);
    }

    /// What `psql -At` prints: rows as lines, columns between `|`, NULL empty.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        match self.try_query(sql) {
            Ok(text) => text,
            Err(error) => panic!("{sql}: {error:?}"),
        }
    }

    /// Like [`TestSession::query`], or the error.
    pub fn try_query(&self, sql: &str) -> Result<String, Error> {
        runtime().block_on(query(&self.client, sql))
    }

    /// Starts a statement and leaves it running.
    pub fn start(&self, sql: &str) -> Pending {
        let client = Arc::clone(&self.client);
        let sql = sql.to_owned();
        Pending(runtime().spawn(async move { query(&client, &sql).await }))
    }

    /// Cancels what is running.
    pub fn cancel(&self) {
        let token = self.client.cancel_token();
        runtime()
            .block_on(token.cancel_query(NoTls))
            .expect("a cancel request");
    }

    /// The next notification, as channel and payload, if one comes in time.
    pub fn notification(&self, timeout: Duration) -> Option<(String, String)> {
        let notifications = self.notifications.lock().expect("not poisoned");
        notifications.recv_timeout(timeout).ok()
    }

    /// What the server has said beside its answers since the last time.
    pub fn notices(&self) -> Vec<String> {
        self.notices
            .lock()
            .expect("not poisoned")
            .try_iter()
            .collect()
    }

    /// Whether the server or the network has closed it.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

impl Pending {
    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Its result, as [`TestSession::try_query`].
    ///
    /// # Panics
    ///
    /// If it runs longer than [`super::PATIENCE`].
    #[track_caller]
    pub fn wait(self) -> Result<String, Error> {
        wait_until("a statement to end", || self.is_finished());
        runtime().block_on(self.0).expect("no panic")
    }
}

async fn query(client: &Client, sql: &str) -> Result<String, Error> {
    let mut lines = Vec::new();
    for message in client.simple_query(sql).await? {
        if let SimpleQueryMessage::Row(row) = message {
            let columns = (0..row.len()).map(|index| row.get(index).unwrap_or_default());
            lines.push(columns.collect::<Vec<_>>().join("|"));
        }
    }
    Ok(lines.join("\n"))
}
