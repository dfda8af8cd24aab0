//! The one place that talks to PostgreSQL: sessions, transactions and errors
//! here, each protocol or catalog concept in a child module.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_postgres::AsyncMessage;

pub mod activity;
pub mod adopt;
pub mod autovacuum;
pub mod backfill;
pub mod connect;
pub mod contents;
pub mod database;
pub mod detach;
pub mod error;
pub mod hold;
pub mod index;
pub mod introspect;
mod keepalive;
pub mod kin;
pub mod ledger;
pub mod listen;
pub mod lock;
pub mod object;
pub mod partition;
pub mod partition_tree;
pub mod pooler;
pub mod progress;
pub mod proxy;
pub mod relations;
pub mod role;
pub mod rows;
pub mod sample;
pub mod scratch;
pub mod settings;
pub mod stall;
pub mod standby;
pub mod surroundings;
pub mod tables;
pub mod target;
pub mod tellers;
pub mod throwaway;
pub mod timeouts;
pub mod tls;
pub mod traffic;
pub mod transaction;
pub mod usage;
pub mod waits;

pub use error::{Error, Failure, ServerError};
pub use rows::Rows;
pub use target::Target;

use crate::text::Variables;

/// Libraries whose log holds the text of statements, in which secrets may be.
pub const TELLING: [&str; 2] = ["tokio_postgres", "postgres_protocol"];

/// The process behind a session, as `pg_stat_activity` knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Process id in the server.
    pub pid: i32,
    /// `backend_start` as text, microseconds included: pids come again.
    pub start: String,
}

/// What the server said outside of any reply.
#[derive(Clone, Debug)]
pub enum Message {
    /// A NOTICE, WARNING, INFO or LOG.
    Notice(ServerError),
    /// A notification on a channel that this session listens on.
    Notification {
        /// Channel name.
        channel: String,
        /// Payload.
        payload: String,
    },
}

/// Rows of a simple query, as text; `None` is NULL.
pub type TextRow = Vec<Option<String>>;

/// Rows of a simple query with the names of its columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Column names.
    pub labels: Vec<String>,
    /// Each as long as `labels`.
    pub rows: Vec<TextRow>,
}

/// One connection to one server.
///
/// Everything goes over the simple protocol (`COPY FROM STDIN` apart): an
/// extended-protocol portal pins a snapshot that a concurrent build elsewhere
/// would wait for, and `DEALLOCATE ALL` in a migration would pull prepared
/// statements away from under us.
#[derive(Debug)]
pub struct Session {
    client: tokio_postgres::Client,
    messages: Mutex<mpsc::UnboundedReceiver<Message>>,
    driver: tokio::task::JoinHandle<()>,
    /// Why the connection ended, in the server's words if it said any.
    farewell: Arc<OnceLock<String>>,
    canceller: connect::Canceller,
    target: Target,
    /// The server that answered: `` `db1` (10.0.0.3), port 5432 ``.
    host: String,
    backend: Backend,
    server_version: u32,
    /// What an earlier session has left behind: see [`pooler`].
    inherited: Option<String>,
    secrets: Secrets,
}

/// Values that the server may repeat in its words and nobody may see.
#[derive(Clone, Debug, Default)]
struct Secrets(Arc<Mutex<Variables>>);

impl Secrets {
    fn get(&self) -> Variables {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Session {
    /// Connects; keeps trying for `wait` while the server is only starting.
    ///
    /// # Errors
    /// [`Error::Connect`] when no server can be had.
    pub async fn connect(target: &Target, wait: Duration) -> Result<Self, Error> {
        // Boxed: the state of a TLS handshake is large, and callers hold it.
        let connected = Box::pin(connect::connect(target, wait)).await?;
        let (sender, messages) = mpsc::unbounded_channel();
        let mut connection = connected.connection;
        let farewell = Arc::new(OnceLock::new());
        let parting = Arc::clone(&farewell);
        let secrets = Secrets::default();
        let hidden = secrets.clone();
        let driver = tokio::spawn(async move {
            while let Some(message) = connection.next().await {
                let message = match message {
                    // Kept before the connection is dropped: only then does
                    // anybody see that it has ended.
                    Err(error) => {
                        let reason = match Error::from(error) {
                            Error::Server(server) => server.message,
                            Error::Lost(reason) => reason,
                            other => other.to_string(),
                        };
                        let _ = parting.set(reason);
                        break;
                    }
                    Ok(message) => message,
                };
                let message = match message {
                    AsyncMessage::Notice(notice) => {
                        Message::Notice(ServerError::from(&notice).conceal(&hidden.get()))
                    }
                    AsyncMessage::Notification(notification) => Message::Notification {
                        channel: notification.channel().to_owned(),
                        payload: notification.payload().to_owned(),
                    },
                    _ => continue,
                };
                // Nobody listens any more once the session is dropped; the
                // connection itself is still driven to its end.
                let _ = sender.send(message);
            }
        });
        let mut session = Self {
            client: connected.client,
            messages: Mutex::new(messages),
            driver,
            farewell,
            canceller: connected.canceller,
            target: target.clone(),
            host: connected.host,
            backend: Backend {
                pid: 0,
                start: String::new(),
            },
            server_version: 0,
            inherited: None,
            secrets,
        };
        let hello = session.query(include_str!("postgres/hello.sql"));
        let Ok(rows) = tokio::time::timeout(connect::ANSWER_MAX, hello).await else {
            return Err(connect::no_answer(target, &session.host).into());
        };
        let rows = rows?;
        let row = rows.first().ok_or_else(|| Error::protocol("no greeting"))?;
        session.backend.pid = column(row, 0)?;
        session.backend.start = column(row, 1)?;
        session.server_version = column(row, 2)?;
        session.inherited = row
            .get(3)
            .cloned()
            .flatten()
            .filter(|left| !left.is_empty());
        Ok(session)
    }

    /// Another session to the same place.
    ///
    /// # Errors
    /// [`Error::Connect`] when no server can be had.
    pub async fn sibling(&self, wait: Duration) -> Result<Self, Error> {
        Self::connect(&self.target, wait).await
    }

    /// The process behind this session.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// `server_version_num`, for example 150018.
    #[must_use]
    pub fn server_version(&self) -> u32 {
        self.server_version
    }

    /// Where this session is connected to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The server that answered, of all that the target names: `` `db1`
    /// (10.0.0.3), port 5432 ``.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    /// Why the connection has ended, in the server's words if it said any.
    #[must_use]
    pub fn farewell(&self) -> String {
        let reason = self.farewell.get().map(String::as_str);
        reason.unwrap_or("connection closed").to_owned()
    }

    /// Runs one statement and discards its rows as they stream in.
    ///
    /// # Errors
    /// [`Error::Server`] as the server said it, [`Error::Lost`] when the
    /// connection ended and the outcome is unknown.
    pub async fn execute(&self, sql: &str) -> Result<(), Error> {
        let done = self.client.batch_execute(sql).await;
        done.map_err(|error| self.failed(error))
    }

    /// A connection that has ended says no more than that it is closed: the
    /// reason came before.
    fn failed(&self, error: tokio_postgres::Error) -> Error {
        let error = match (Error::from(error), self.farewell.get()) {
            (Error::Lost(_), Some(reason)) => Error::Lost(reason.clone()),
            (error, _) => error,
        };
        error.conceal(&self.secrets.get())
    }

    /// From now on the server's words have the names of these variables in
    /// place of their values.
    pub fn conceal(&self, variables: &Variables) {
        *self
            .secrets
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = variables.clone();
    }

    /// Runs one statement and collects its rows as text.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn query(&self, sql: &str) -> Result<Vec<TextRow>, Error> {
        Ok(self.table(sql).await?.rows)
    }

    /// Runs one statement and collects its rows as text, with the names of the
    /// columns. Sent when first polled, so that several can be under way.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn table(&self, sql: &str) -> Result<Table, Error> {
        let mut rows = self.rows(sql).await?;
        let mut table = Table::default();
        while let Some(row) = rows.next().await? {
            table.rows.push(row);
        }
        table.labels = rows.labels;
        Ok(table)
    }

    /// The first column of the first row; `None` if there is no row or it is
    /// NULL.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn value(&self, sql: &str) -> Result<Option<String>, Error> {
        let rows = self.query(sql).await?;
        Ok(rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next())
            .flatten())
    }

    /// Sends `COPY … FROM STDIN` and returns the way to send its data.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn copy_in(&self, sql: &str) -> Result<CopyIn, Error> {
        let sink = self.client.copy_in(sql).await;
        Ok(CopyIn {
            sink: Box::pin(sink.map_err(|error| self.failed(error))?),
            secrets: self.secrets.clone(),
        })
    }

    /// Runs `COPY … TO STDOUT` and passes over its data.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn copy_out(&self, sql: &str) -> Result<(), Error> {
        let stream = self.client.copy_out(sql).await;
        let mut stream = Box::pin(stream.map_err(|error| self.failed(error))?);
        while let Some(data) = stream.next().await {
            data.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Runs `COPY … TO STDOUT` and collects its data, which is text.
    ///
    /// # Errors
    /// As [`Session::execute`]; [`Error::Protocol`] if it is not UTF-8.
    pub async fn copy_text(&self, sql: &str) -> Result<String, Error> {
        let stream = self.client.copy_out(sql).await;
        let mut stream = Box::pin(stream.map_err(|error| self.failed(error))?);
        let mut bytes = Vec::new();
        while let Some(data) = stream.next().await {
            bytes.extend_from_slice(&data.map_err(|error| self.failed(error))?);
        }
        String::from_utf8(bytes).map_err(|_| Error::protocol("a value that is not UTF-8"))
    }

    /// Starts a pipeline: statements are sent before the replies of earlier
    /// ones have come.
    #[must_use]
    pub fn pipeline<T>(&self) -> Pipeline<'_, T> {
        Pipeline {
            session: self,
            flights: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Asks the server to cancel what this session runs now.
    ///
    /// # Errors
    /// [`Error::Connect`] when the request could not be delivered.
    pub async fn cancel(&self) -> Result<(), Error> {
        Ok(self.canceller.cancel().await?)
    }

    /// A handle that can cancel while a statement borrows the session.
    #[must_use]
    pub fn canceller(&self) -> connect::Canceller {
        self.canceller.clone()
    }

    /// What the server said since the last call, without waiting.
    pub fn messages(&self) -> Vec<Message> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| messages.try_recv().ok()).collect()
    }

    /// Waits for the server to say something; `None` when the connection has
    /// ended.
    pub async fn message(&mut self) -> Option<Message> {
        let messages = self.messages.get_mut();
        let messages = messages.unwrap_or_else(PoisonError::into_inner);
        messages.recv().await
    }

    /// Cuts the connection, as the end of the process would, when what this
    /// returns is dropped and not [disarmed](Cut::disarm): the server ends a
    /// statement that is under way, where its settings have it look for us,
    /// and a transaction in any case.
    #[must_use]
    pub fn cut_on_drop(&self) -> Cut {
        Cut(Some(self.driver.abort_handle()))
    }

    /// Ends the session and waits until the server has let go of its locks,
    /// or for five seconds.
    pub async fn close(self) {
        drop(self.client);
        // An abandoned driver still ends by itself: the goodbye is sent.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.driver).await;
    }
}

/// Cuts a connection when it is dropped.
///
/// Otherwise a session that is dropped in the middle of a statement waits for
/// its end, with all locks of its transaction.
#[derive(Debug)]
pub struct Cut(Option<tokio::task::AbortHandle>);

impl Cut {
    /// Leaves the connection alone.
    pub fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if let Some(driver) = &self.0 {
            driver.abort();
        }
    }
}

/// Sends the data of a `COPY … FROM STDIN`.
pub struct CopyIn {
    sink: Pin<Box<tokio_postgres::CopyInSink<bytes::Bytes>>>,
    secrets: Secrets,
}

impl std::fmt::Debug for CopyIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CopyIn").finish_non_exhaustive()
    }
}

impl CopyIn {
    /// Sends a chunk; waits while the server is behind.
    ///
    /// # Errors
    /// [`Error::Server`] when the server has already refused a row.
    pub async fn send(&mut self, chunk: bytes::Bytes) -> Result<(), Error> {
        let sent = self.sink.send(chunk).await;
        sent.map_err(|error| Error::from(error).conceal(&self.secrets.get()))
    }

    /// Ends the data; the number of rows.
    ///
    /// # Errors
    /// [`Error::Server`] when the server refuses a row.
    pub async fn finish(mut self) -> Result<u64, Error> {
        let finished = self.sink.as_mut().finish().await;
        finished.map_err(|error| Error::from(error).conceal(&self.secrets.get()))
    }
}

type Reply<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

struct Flight<'a, T> {
    reply: Reply<'a>,
    bytes: usize,
    tag: T,
}

/// Statements under way, each one a message of its own, with a tag `T` that
/// says whose it is.
pub struct Pipeline<'a, T> {
    session: &'a Session,
    flights: VecDeque<Flight<'a, T>>,
    bytes: usize,
}

/// Bounds of what is under way: enough to hide any round trip, little enough
/// to stay small in memory and to find an error soon.
const FLIGHTS_MAX: usize = 512;
const FLIGHT_BYTES_MAX: usize = 1 << 20;

impl<T> std::fmt::Debug for Pipeline<'_, T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pipeline")
            .field("flights", &self.flights.len())
            .field("bytes", &self.bytes)
            .finish()
    }
}

impl<T> Pipeline<'_, T> {
    /// Sends a statement without waiting for anything.
    pub fn push(&mut self, sql: &Arc<str>, tag: T) {
        let session = self.session;
        let (bytes, sql) = (sql.len(), Arc::clone(sql));
        let mut reply: Reply<'_> = Box::pin(async move { session.execute(&sql).await });
        // The first poll puts the message on the wire, so that messages go
        // out in the order of the calls.
        if let Some(result) = reply.as_mut().now_or_never() {
            reply = Box::pin(std::future::ready(result));
        }
        self.bytes += bytes;
        self.flights.push_back(Flight { reply, bytes, tag });
    }

    /// Whether a reply should be awaited before the next push.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.flights.len() >= FLIGHTS_MAX || self.bytes >= FLIGHT_BYTES_MAX
    }

    /// Whether it is half empty.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.flights.len() <= FLIGHTS_MAX / 2 && self.bytes <= FLIGHT_BYTES_MAX / 2
    }

    /// Whether no reply is outstanding.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// The reply to the oldest statement; `None` if there is none. Nothing is
    /// lost if the future is dropped.
    pub async fn next(&mut self) -> Option<(T, Result<(), Error>)> {
        let flight = self.flights.front_mut()?;
        let result = flight.reply.as_mut().await;
        Some((self.pop(), result))
    }

    /// The reply to the oldest statement if it has come already.
    pub fn try_next(&mut self) -> Option<(T, Result<(), Error>)> {
        let flight = self.flights.front_mut()?;
        let mut context = Context::from_waker(Waker::noop());
        match flight.reply.as_mut().poll(&mut context) {
            Poll::Ready(result) => Some((self.pop(), result)),
            Poll::Pending => None,
        }
    }

    fn pop(&mut self) -> T {
        let flight = self.flights.pop_front().expect("front was just seen");
        self.bytes -= flight.bytes;
        flight.tag
    }
}

/// Column `index` of `row`, parsed.
///
/// # Errors
/// [`Error::Protocol`] if it is NULL, missing or not of that type.
pub fn column<T: std::str::FromStr>(row: &TextRow, index: usize) -> Result<T, Error> {
    row.get(index)
        .and_then(Option::as_deref)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::protocol("a catalog column is missing or of another type"))
}

/// `text` as an SQL literal, whatever `standard_conforming_strings` says.
#[must_use]
pub fn literal(text: &str) -> String {
    postgres_protocol::escape::escape_literal(text)
}

/// `text` as an SQL identifier, always quoted.
#[must_use]
pub fn ident(text: &str) -> String {
    postgres_protocol::escape::escape_identifier(text)
}
