//! Who comes in: connections taken, bounded, and let go at the end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::patient::Patient;
use super::routes::{CONNECTIONS_MAX, Shared};
use super::state::State;
use super::{Course, Phase, agent};

/// Agent-checks at a time.
const CHECKS_MAX: usize = 1000;

/// How long a request's header may take, and a connection be idle between two.
const HEADER_MAX: Duration = Duration::from_secs(30);

/// Longest header, bytes; what is longer is answered with 431.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// How long a load balancer has for reading its line.
const CHECK_MAX: Duration = Duration::from_secs(5);

/// Pause after a connection that could not be taken: no file descriptor is
/// left, for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection that was begun is made by then, or its client is slow enough to
/// try again.
const LAST_CALL: Duration = Duration::from_millis(200);

/// How long the request may take to come, once the server stops, of somebody
/// who has connected before: hyper ends a connection that has heard nothing.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// Connections that come in until the server stops.
struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    course: watch::Receiver<Course>,
    /// When nobody is let in any more, once the server stops.
    ends: Option<Instant>,
    /// Each connection holds a receiver: it is closed when the last is gone.
    inside: watch::Sender<()>,
}

impl Door {
    fn new(listener: TcpListener, places: usize, course: watch::Receiver<Course>) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(places)),
            course,
            ends: None,
            inside: watch::Sender::new(()),
        }
    }

    /// The next connection; `None` when the server stops and nobody is left
    /// outside.
    async fn next(&mut self) -> Option<(TcpStream, Inside)> {
        let mut place = None;
        loop {
            if self.ends.is_none() && self.course.borrow().phase == Phase::Stopping {
                refuse(&self.listener);
                self.ends = Some(Instant::now() + LAST_CALL);
            }
            let Some(free) = place.take() else {
                tokio::select! {
                    found = Arc::clone(&self.places).acquire_owned() => place = Some(found.ok()?),
                    is_over = over(&mut self.course, self.ends) => if is_over { return None },
                }
                continue;
            };
            let accepted = tokio::select! {
                // Who has connected already is let in.
                biased;
                accepted = self.listener.accept() => accepted,
                is_over = over(&mut self.course, self.ends) => {
                    if is_over {
                        return None;
                    }
                    place = Some(free);
                    continue;
                }
            };
            match accepted {
                Ok((stream, _)) => {
                    let inside = Inside {
                        _place: free,
                        _inside: self.inside.subscribe(),
                    };
                    return Some((stream, inside));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Closes, and waits until everybody has gone.
    async fn close(self) {
        let Self {
            listener, inside, ..
        } = self;
        drop(listener);
        inside.closed().await;
    }
}

/// Held by a connection while it lasts.
struct Inside {
    _place: OwnedSemaphorePermit,
    _inside: watch::Receiver<()>,
}

/// Waits until the server stops, false, and then for those whose connection is
/// just being made, since the system has told them yes: true.
async fn over(course: &mut watch::Receiver<Course>, ends: Option<Instant>) -> bool {
    match ends {
        None => stopping(course).await,
        Some(ends) => tokio::time::sleep_until(ends).await,
    }
    ends.is_some()
}

/// Has the system make no new connection, without a word: closing alone would
/// reset those that were made since the last was taken, request and all. A
/// client that is not heard tries again within a second, and is refused then.
#[cfg(target_os = "linux")]
fn refuse(listener: &TcpListener) {
    use socket2::{SockFilter, SockRef};
    // A classic BPF program, see "Linux Socket Filtering" of the kernel's
    // documentation: of a segment, load the byte with the flags; one with SYN
    // is dropped, all others pass.
    let program = [
        SockFilter::new(0x30, 0, 0, 13),
        SockFilter::new(0x45, 0, 1, 0x02),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&program) {
        tracing::debug!(%error, "new connections cannot be kept away");
    }
}

/// Elsewhere who comes within the last moment may be reset.
#[cfg(not(target_os = "linux"))]
fn refuse(_: &TcpListener) {}

/// Waits until a connection has to end that nothing is heard on.
async fn leaving(course: &mut watch::Receiver<Course>) {
    stopping(course).await;
    tokio::time::sleep(FIRST_WORD).await;
}

async fn stopping(course: &mut watch::Receiver<Course>) {
    // An error says that the server itself is gone.
    let _ = course
        .wait_for(|course| course.phase == Phase::Stopping)
        .await;
}

/// Waits until the database was looked at for the first time.
async fn looked(state: &mut watch::Receiver<Arc<State>>) {
    // An error says that the server itself is gone.
    let _ = state.wait_for(|state| state.looks > 0).await;
}

/// Speaks HTTP until the server stops.
pub(super) async fn http(listener: TcpListener, router: Router, shared: Shared) {
    let mut door = Door::new(listener, CONNECTIONS_MAX, shared.course());
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_MAX)
        .max_header_size(HEADER_BYTES_MAX)
        .max_buf_size(2 * HEADER_BYTES_MAX);
    while let Some((stream, inside)) = door.next().await {
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let stream = TokioIo::new(Patient::new(stream));
        let mut course = shared.course();
        // It may be told to end before its first request has come.
        let is_late = course.borrow().phase != Phase::Serving;
        let connection = builder
            .keep_alive(!is_late)
            .serve_connection(stream, service);
        let open = shared.connection();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = leaving(&mut course) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection has ended");
            }
            drop((inside, open));
        });
    }
    door.close().await;
}

/// Answers agent-checks until the server stops.
pub(super) async fn agent(
    listener: TcpListener,
    state: watch::Receiver<Arc<State>>,
    course: watch::Receiver<Course>,
) {
    let mut door = Door::new(listener, CHECKS_MAX, course.clone());
    while let Some((stream, inside)) = door.next().await {
        let (mut state, mut course) = (state.clone(), course.clone());
        tokio::spawn(async move {
            // `down` would take back what a server before this one has said, and
            // for the moment until the database is seen nobody knows.
            let _ = tokio::time::timeout(CHECK_MAX, async {
                tokio::select! {
                    () = looked(&mut state) => {}
                    () = stopping(&mut course) => {}
                }
            })
            .await;
            let line = agent::line(&state.borrow(), *course.borrow());
            // Who does not take it, or does not go, is sent away.
            let _ = tokio::time::timeout(CHECK_MAX, say(stream, &line)).await;
            drop(inside);
        });
    }
    door.close().await;
}

async fn say(mut stream: TcpStream, line: &str) -> std::io::Result<()> {
    stream.write_all(line.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with something unread (`agent-send`) would send a reset, which
    // may overtake the line.
    let mut rest = [0; 512];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
