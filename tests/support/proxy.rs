//! A connection to the server that fails where the test wants it to.
//!
//! It reads the protocol's messages (PostgreSQL manual, "Message Formats") and
//! passes them on one by one, so a failure hits before or after a chosen
//! statement, never in the middle of one by chance.

use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::database::TestDatabase;

#[path = "proxy/message.rs"]
mod message;
#[path = "proxy/socket.rs"]
mod socket;

use message::{Message, Startup};
use socket::Socket;

/// Where in the exchange of a statement something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The server does not get the statement.
    Before,
    /// The server gets it, and its reply finds nobody.
    After,
    /// The server has executed it and replied; the client is not told.
    Reply,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Both sides see the connection end.
    Cut,
    /// Nothing passes any more and nobody is told: a lost network.
    Blackhole,
}

/// What a client has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A statement over the simple protocol; `is_empty` if the server found
    /// nothing in it but comments.
    Query { sql: String, is_empty: bool },
    /// Data of a COPY, that of adjacent messages joined.
    Data(Vec<u8>),
}

/// A proxy on `127.0.0.1` in front of the server, for one database; its
/// connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    database: String,
    user: String,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    trap: Mutex<Option<Trap>>,
    sprung: AtomicUsize,
    /// Connections pass nothing while it is set.
    is_held: Mutex<bool>,
    released: Condvar,
    delay: Mutex<Duration>,
    refuses: AtomicBool,
    ends: AtomicBool,
    links: Mutex<Vec<Arc<Link>>>,
    /// Requests since [`Proxy::listen`], if that has been called.
    heard: Mutex<Option<Vec<Heard>>>,
    /// All bytes of the server since then.
    told: Mutex<Vec<u8>>,
}

/// Waits for a statement.
#[derive(Clone, Debug)]
struct Trap {
    /// Nothing is looked at before the statement with this in it, in lower
    /// case.
    from: Option<String>,
    /// The statement starts with this, in lower case.
    beginning: String,
    /// How many such statements are still to pass.
    passing: usize,
    at: At,
    action: Action,
}

/// One connection of a client.
#[derive(Debug)]
struct Link {
    client: Socket,
    server: Socket,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// `ReadyForQuery` messages that the client's messages so far ask for, the
    /// one that follows authentication included.
    asked: u64,
    /// Those that the server has sent.
    answered: u64,
    /// Springs when so many have been answered; what belongs to the last
    /// answer is kept back.
    reply_trap: Option<(u64, Action)>,
    /// What happens at the end of the request that is being passed on.
    caught: Option<(At, Action)>,
}

impl Proxy {
    /// In front of the server of `database`.
    pub fn new(database: &TestDatabase<'_>) -> Self {
        let config: tokio_postgres::Config = database.url().parse().expect("a URL");
        let target = socket::Target::of(&config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(&listener, &target, &accepting));
        Self {
            shared,
            port,
            database: database.name().to_owned(),
            user: config.get_user().unwrap_or("postgres").to_owned(),
            acceptor: Some(acceptor),
        }
    }

    /// Connection URL through the proxy.
    pub fn url(&self) -> String {
        let Self {
            user,
            port,
            database,
            ..
        } = self;
        format!("postgresql://{user}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// Port on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does `action` at the `nth` statement (from 1, over all connections,
    /// counted from now) that starts with `beginning`, whatever its case. Once;
    /// it replaces what was asked for before.
    pub fn trap(&self, beginning: &str, nth: usize, at: At, action: Action) {
        *lock(&self.shared.trap) = Some(Trap {
            from: None,
            beginning: beginning.to_lowercase(),
            passing: nth.checked_sub(1).expect("counted from 1"),
            at,
            action,
        });
    }

    /// As [`Proxy::trap`], for the first such statement from the one on that
    /// has `from` in it; with nothing for a beginning that is this one itself.
    pub fn trap_from(&self, from: &str, beginning: &str, at: At, action: Action) {
        *lock(&self.shared.trap) = Some(Trap {
            from: Some(from.to_lowercase()),
            beginning: beginning.to_lowercase(),
            passing: 0,
            at,
            action,
        });
    }

    /// How many traps have sprung.
    pub fn sprung(&self) -> usize {
        self.shared.sprung.load(Ordering::SeqCst)
    }

    /// Notes from now on what clients send.
    pub fn listen(&self) {
        lock(&self.shared.told).clear();
        *lock(&self.shared.heard) = Some(Vec::new());
    }

    /// What clients have sent since [`Proxy::listen`].
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.shared.heard).take().expect("`listen` before")
    }

    /// All that the server has sent since [`Proxy::listen`].
    pub fn told(&self) -> Vec<u8> {
        lock(&self.shared.told).clone()
    }

    /// Ends all connections; new ones are accepted.
    pub fn cut(&self) {
        for link in lock(&self.shared.links).drain(..) {
            link.cut();
        }
    }

    /// Stops passing anything, new connections and ends included, until
    /// [`Proxy::release`]; nothing is lost.
    pub fn hold(&self) {
        *lock(&self.shared.is_held) = true;
    }

    /// Passes on what was held, and all that follows.
    pub fn release(&self) {
        *lock(&self.shared.is_held) = false;
        self.shared.released.notify_all();
    }

    /// Holds each of the server's messages back for so long.
    pub fn delay(&self, delay: Duration) {
        *lock(&self.shared.delay) = delay;
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        self.release();
        self.cut();
        // Wakes the acceptor.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("no panic");
        }
    }
}

fn accept(listener: &TcpListener, target: &socket::Target, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.ends.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        // Messages pass one by one: the second of an answer would wait for the
        // client's late acknowledgement of the first.
        client.set_nodelay(true).expect("a fresh socket");
        if shared.refuses.load(Ordering::SeqCst) {
            continue;
        }
        // A server that is gone ends the connection, as it would without us.
        let Ok(server) = target.connect() else {
            continue;
        };
        let link = Arc::new(Link {
            client: Socket::Tcp(client),
            server,
            progress: Mutex::default(),
        });
        lock(&shared.links).push(Arc::clone(&link));
        for pass in [pass_requests, pass_replies] {
            let (link, shared) = (Arc::clone(&link), Arc::clone(shared));
            thread::spawn(move || {
                // An end without a trap ends the other side too.
                if let Ok(Outcome::Closed) | Err(_) = pass(&link, &shared) {
                    // A network that is gone does not tell of an end either.
                    shared.wait_while_held();
                    link.cut();
                }
            });
        }
    }
}

/// How a direction ends.
#[derive(Debug)]
enum Outcome {
    Closed,
    /// A trap has sprung, and said what becomes of the sockets.
    Trapped,
}

fn pass_requests(link: &Link, shared: &Shared) -> io::Result<Outcome> {
    loop {
        match Startup::read(&mut link.client.reader())? {
            // Answered here: the server's answer would be the same on its Unix
            // socket, but has no message's form.
            Startup::Encryption => link.client.writer().write_all(b"N")?,
            Startup::Other(bytes) => {
                lock(&link.progress).asked += 1;
                link.server.writer().write_all(&bytes)?;
                break;
            }
        }
    }
    while let Some(message) = Message::read(&mut link.client.reader())? {
        shared.wait_while_held();
        shared.hear(&message);
        let caught = message.statement().and_then(|text| shared.catch(text));
        if let Some((At::Before, action)) = caught {
            return Ok(link.spring(action, shared));
        }
        let mut after = None;
        {
            let mut progress = lock(&link.progress);
            progress.caught = progress.caught.or(caught);
            // Only these two ask for an answer that ends; an extended query's
            // Parse is caught with the Sync that follows it.
            if matches!(message.kind, b'Q' | b'S') {
                progress.asked += 1;
                match progress.caught.take() {
                    Some((At::Reply, action)) => {
                        progress.reply_trap = Some((progress.asked, action));
                    }
                    Some((_, action)) => after = Some(action),
                    None => {}
                }
            }
        }
        link.server.writer().write_all(&message.bytes)?;
        if let Some(action) = after {
            return Ok(link.spring(action, shared));
        }
    }
    Ok(Outcome::Closed)
}

fn pass_replies(link: &Link, shared: &Shared) -> io::Result<Outcome> {
    while let Some(message) = Message::read(&mut link.server.reader())? {
        if message.kind == b'I' {
            shared.hear_of_nothing();
        }
        if lock(&shared.heard).is_some() {
            lock(&shared.told).extend(&message.bytes);
        }
        let delay = *lock(&shared.delay);
        thread::sleep(delay);
        shared.wait_while_held();
        let mut progress = lock(&link.progress);
        let is_kept = progress
            .reply_trap
            .is_some_and(|(answer, _)| progress.answered + 1 >= answer);
        if message.kind == b'Z' {
            progress.answered += 1;
            if is_kept && let Some((_, action)) = progress.reply_trap.take() {
                drop(progress);
                return Ok(link.spring(action, shared));
            }
        }
        drop(progress);
        if !is_kept {
            link.client.writer().write_all(&message.bytes)?;
        }
    }
    Ok(Outcome::Closed)
}

impl Link {
    fn cut(&self) {
        self.client.shut_down();
        self.server.shut_down();
    }

    fn spring(&self, action: Action, shared: &Shared) -> Outcome {
        match action {
            // Only what is still to be written ends: the server reads what it
            // was sent, and its answer is read by the other thread.
            Action::Cut => {
                self.client.shut_down();
                self.server.shut_down_writing();
            }
            Action::Blackhole => {}
        }
        shared.sprung.fetch_add(1, Ordering::SeqCst);
        Outcome::Trapped
    }
}

impl Shared {
    fn wait_while_held(&self) {
        let held = lock(&self.is_held);
        drop(
            self.released
                .wait_while(held, |held| *held)
                .expect("not poisoned"),
        );
    }

    fn hear(&self, request: &Message) {
        let mut heard = lock(&self.heard);
        let Some(heard) = heard.as_mut() else { return };
        match (request.kind, heard.last_mut()) {
            (b'Q', _) => heard.push(Heard::Query {
                sql: request.statement().expect("UTF-8").to_owned(),
                is_empty: false,
            }),
            (b'd', Some(Heard::Data(data))) => data.extend(&request.bytes[5..]),
            (b'd', _) => heard.push(Heard::Data(request.bytes[5..].to_vec())),
            _ => {}
        }
    }

    /// The server has found nothing in the last query.
    fn hear_of_nothing(&self) {
        if let Some(Heard::Query { is_empty, .. }) =
            lock(&self.heard).iter_mut().flatten().next_back()
        {
            *is_empty = true;
        }
    }

    /// What is to happen at this statement.
    fn catch(&self, statement: &str) -> Option<(At, Action)> {
        let mut waiting = lock(&self.trap);
        let trap = waiting.as_mut()?;
        let statement = statement.trim_start().to_lowercase();
        if let Some(from) = &trap.from {
            if !statement.contains(from) {
                return None;
            }
            trap.from = None;
        }
        if !statement.starts_with(&trap.beginning) {
            return None;
        }
        if trap.passing > 0 {
            trap.passing -= 1;
            return None;
        }
        let Trap { at, action, .. } = *trap;
        *waiting = None;
        Some((at, action))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("not poisoned")
}
