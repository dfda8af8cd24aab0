//! Stands between clients and a throwaway server, notes what they ask, and
//! stops at a request of choice, so that something can be done to either side
//! at that very moment.
//!
//! It listens on a Unix socket beside the server's own, in the folder that only
//! the server's user can enter, and that is removed with the server.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};

use crate::rehearsal::torture::{Key, Moment, Request, RequestKind, Spot};

mod message;

use message::{Message, Startup};

/// A proxy; its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    sprung: mpsc::UnboundedReceiver<Sprung>,
    acceptor: tokio::task::JoinHandle<()>,
}

/// Where a proxy has stopped.
#[derive(Clone, Debug)]
pub struct Sprung {
    /// Which connection, as [`Proxy::cut`] takes it.
    pub connection: usize,
    /// Process id of its backend; `None` before the server has told it.
    pub backend: Option<i32>,
    /// At which request.
    pub spot: Spot,
}

/// Where to stop.
#[derive(Debug)]
enum Trap {
    /// Once, there.
    Spot(Spot, Moment),
    /// Before each concurrent statement.
    Concurrent,
}

#[derive(Debug)]
struct Shared {
    server: PathBuf,
    state: Mutex<State>,
    /// Nothing passes, in either direction, while it is closed.
    is_closed: watch::Sender<bool>,
    sprung: mpsc::UnboundedSender<Sprung>,
}

#[derive(Debug, Default)]
struct State {
    heard: Vec<Request>,
    counts: BTreeMap<Key, usize>,
    trap: Option<Trap>,
    links: BTreeMap<usize, Arc<Link>>,
    next: usize,
}

/// One connection.
#[derive(Debug)]
struct Link {
    number: usize,
    pid: AtomicI32,
    is_cut: watch::Sender<bool>,
    answers: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    /// `ReadyForQuery` messages that were asked for, the one after
    /// authentication included.
    asked: u64,
    /// Those that have come.
    answered: u64,
    /// Stops at this one.
    stop_at: Option<(u64, Spot)>,
    /// Whether the last one was asked for by a Sync.
    by_sync: bool,
}

impl Proxy {
    /// Listens at `path` for the server whose socket is `server`.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn start(server: &Path, path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let (sender, sprung) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            state: Mutex::default(),
            is_closed: watch::Sender::new(false),
            sprung: sender,
        });
        let accepting = Arc::clone(&shared);
        let acceptor = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move {
                    // A connection that breaks is none of our business.
                    let _ = shared.serve(client).await;
                });
            }
        });
        Ok(Self {
            shared,
            sprung,
            acceptor,
        })
    }

    /// All requests since the start, in the order in which they came.
    #[must_use]
    pub fn heard(&self) -> Vec<Request> {
        self.shared.state().heard.clone()
    }

    /// Stops at a request, counted from the start of the proxy; once. It
    /// replaces what was asked for before.
    pub fn trap(&self, spot: &Spot, moment: Moment) {
        self.shared.state().trap = Some(Trap::Spot(spot.clone(), moment));
    }

    /// Stops before each statement that waits for other sessions in several
    /// transactions.
    pub fn trap_concurrent(&self) {
        self.shared.state().trap = Some(Trap::Concurrent);
    }

    /// Forgets what was asked for, and counts requests from now on.
    pub fn forget(&self) {
        let mut state = self.shared.state();
        state.trap = None;
        state.counts.clear();
    }

    /// Waits until the proxy has stopped. Nothing passes then before
    /// [`Proxy::go_on`].
    pub async fn sprung(&mut self) -> Sprung {
        match self.sprung.recv().await {
            Some(sprung) => sprung,
            // `shared` has a sender as long as we live.
            None => std::future::pending().await,
        }
    }

    /// Passes on what was held back.
    pub fn go_on(&self) {
        self.shared.is_closed.send_replace(false);
    }

    /// Ends a connection: both sides see it break.
    pub fn cut(&self, connection: usize) {
        if let Some(link) = self.shared.state().links.get(&connection) {
            link.is_cut.send_replace(true);
        }
    }

    /// Ends all connections.
    pub fn cut_all(&self) {
        for link in self.shared.state().links.values() {
            link.is_cut.send_replace(true);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.acceptor.abort();
        self.cut_all();
        self.go_on();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>, client: UnixStream) -> io::Result<()> {
        let (reader, mut writer) = client.into_split();
        let mut reader = BufReader::new(reader);
        let startup = loop {
            match Startup::read(&mut reader).await? {
                Startup::Encryption => writer.write_all(b"N").await?,
                Startup::Cancel(bytes) => {
                    let mut server = UnixStream::connect(&self.server).await?;
                    return server.write_all(&bytes).await;
                }
                Startup::Session(bytes) => break bytes,
            }
        };
        let link = {
            let mut state = self.state();
            let number = state.next;
            state.next += 1;
            let link = Arc::new(Link {
                number,
                pid: AtomicI32::new(0),
                is_cut: watch::Sender::new(false),
                answers: Mutex::default(),
            });
            state.links.insert(number, Arc::clone(&link));
            link
        };
        let mut is_cut = link.is_cut.subscribe();
        tokio::select! {
            _ = self.converse(&link, startup, reader, writer) => {}
            _ = is_cut.wait_for(|is_cut| *is_cut) => {}
        }
        self.state().links.remove(&link.number);
        Ok(())
    }

    /// Until one side ends; then both sockets are closed.
    async fn converse(
        &self,
        link: &Link,
        startup: Vec<u8>,
        client: BufReader<OwnedReadHalf>,
        mut to_client: OwnedWriteHalf,
    ) -> io::Result<()> {
        let connect = Request {
            kind: RequestKind::Connect,
            text: String::new(),
        };
        let trapped = self.hear(connect);
        let (spot, trapped) = trapped.unzip();
        if let (Some(Moment::Before), Some(spot)) = (trapped, &spot) {
            self.stop(link, spot.clone()).await;
        }
        let Ok(server) = UnixStream::connect(&self.server).await else {
            return to_client.write_all(&message::starting_up()).await;
        };
        let (from_server, mut to_server) = server.into_split();
        {
            let mut answers = link.answers();
            answers.asked += 1;
            if let (Some(Moment::Answered), Some(spot)) = (trapped, &spot) {
                answers.stop_at = Some((answers.asked, spot.clone()));
            }
        }
        to_server.write_all(&startup).await?;
        if let (Some(Moment::During), Some(spot)) = (trapped, spot) {
            self.stop(link, spot).await;
        }
        let from_server = BufReader::new(from_server);
        tokio::select! {
            done = self.requests(link, client, to_server) => done,
            done = self.answers(link, from_server, to_client) => done,
        }
    }

    async fn requests(
        &self,
        link: &Link,
        mut client: BufReader<OwnedReadHalf>,
        mut server: OwnedWriteHalf,
    ) -> io::Result<()> {
        // What a Sync, or data, belongs to.
        let mut text = String::new();
        let mut prepared: HashMap<String, String> = HashMap::new();
        while let Some(message) = Message::read(&mut client).await? {
            if let Some((name, parsed)) = message.prepared() {
                if let Some(parsed) = parsed {
                    prepared.insert(name.clone(), parsed);
                }
                text = prepared.get(&name).cloned().unwrap_or_default();
            } else if let Some(statement) = message.statement() {
                text = statement;
            }
            let kind = match message.kind {
                b'Q' | b'P' => Some(RequestKind::Statement),
                b'S' => Some(RequestKind::Sync),
                b'd' => Some(RequestKind::Data),
                b'c' => Some(RequestKind::DataEnd),
                _ => None,
            };
            let trapped = kind.and_then(|kind| {
                let text = text.clone();
                self.hear(Request { kind, text })
            });
            let (spot, trapped) = trapped.unzip();
            self.open().await;
            if let (Some(Moment::Before), Some(spot)) = (trapped, &spot) {
                self.stop(link, spot.clone()).await;
            }
            {
                let mut answers = link.answers();
                let asks = matches!(message.kind, b'Q' | b'S');
                answers.asked += u64::from(asks);
                if asks {
                    answers.by_sync = message.kind == b'S';
                }
                if let (Some(Moment::Answered), Some(spot)) = (trapped, &spot) {
                    // Of a Parse or of data, with the Sync that follows.
                    let answer = answers.asked + u64::from(!asks);
                    answers.stop_at = Some((answer, spot.clone()));
                }
            }
            if trapped == Some(Moment::During) {
                // Its answer does not get through meanwhile.
                self.is_closed.send_replace(true);
            }
            server.write_all(&message.bytes).await?;
            if let (Some(Moment::During), Some(spot)) = (trapped, spot) {
                self.stop(link, spot).await;
            }
        }
        Ok(())
    }

    async fn answers(
        &self,
        link: &Link,
        mut server: BufReader<OwnedReadHalf>,
        mut client: OwnedWriteHalf,
    ) -> io::Result<()> {
        // What belongs to an answer at which we stop, held back until it is
        // complete.
        let mut held: Vec<u8> = Vec::new();
        while let Some(message) = Message::read(&mut server).await? {
            if let Some(pid) = message.backend_pid() {
                link.pid.store(pid, Ordering::Relaxed);
            }
            let (is_held, spot) = {
                let mut answers = link.answers();
                let is_held = answers
                    .stop_at
                    .as_ref()
                    .is_some_and(|(stop, _)| answers.answered + 1 >= *stop);
                let is_end = message.kind == b'Z';
                answers.answered += u64::from(is_end);
                if message.kind == b'G' && answers.by_sync {
                    // A server that waits for data passes over a Sync (manual,
                    // "COPY Operations").
                    answers.asked -= 1;
                }
                // A COPY waits for its data before it is ready again.
                let stops = is_held && (is_end || message.kind == b'G');
                let spot = answers.stop_at.take_if(|_| stops);
                (is_held, spot.map(|(_, spot)| spot))
            };
            if is_held {
                held.extend(&message.bytes);
                if let Some(spot) = spot {
                    self.stop(link, spot).await;
                    client.write_all(&std::mem::take(&mut held)).await?;
                }
                continue;
            }
            self.open().await;
            client.write_all(&message.bytes).await?;
        }
        Ok(())
    }

    /// Notes a request; where and when to stop, if at it.
    fn hear(&self, request: Request) -> Option<(Spot, Moment)> {
        let mut state = self.state();
        let count = state.counts.entry(request.key()).or_default();
        *count += 1;
        let spot = Spot::new(&request, *count);
        state.heard.push(request);
        let moment = match state.trap.as_ref()? {
            Trap::Concurrent => spot.key.is_concurrent().then_some(Moment::Before),
            Trap::Spot(wanted, moment) if wanted.is(&spot) => {
                let moment = *moment;
                state.trap = None;
                Some(moment)
            }
            Trap::Spot(..) => None,
        };
        Some((spot, moment?))
    }

    /// Stops everything, tells so, and waits.
    async fn stop(&self, link: &Link, spot: Spot) {
        self.is_closed.send_replace(true);
        let pid = link.pid.load(Ordering::Relaxed);
        let _ = self.sprung.send(Sprung {
            connection: link.number,
            backend: (pid != 0).then_some(pid),
            spot,
        });
        self.open().await;
    }

    /// Waits while nothing passes.
    async fn open(&self) {
        let mut is_closed = self.is_closed.subscribe();
        // The sender is ours.
        let _ = is_closed.wait_for(|is_closed| !is_closed).await;
    }
}

impl Link {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
