//! The server ends: nobody is left without an answer.

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::Signal;

use super::{Served, project};
use crate::support::{TestDatabase, http, wait_until};

const READY: &str = "200 ready: deployment 1 is settled";

/// Asks again and again on a connection each, until connections are refused;
/// what was not answered.
fn ask_anew(address: SocketAddr, answered: &AtomicUsize) -> Vec<String> {
    let mut lost = Vec::new();
    // Refused is not lost: a load balancer goes elsewhere.
    while let Ok(mut stream) = TcpStream::connect(address) {
        let mut text = String::new();
        let asked = stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n");
        let read = asked.and_then(|()| stream.read_to_string(&mut text));
        if text.starts_with("HTTP/1.0 200") {
            answered.fetch_add(1, Ordering::Relaxed);
        } else {
            lost.push(format!("{read:?} {text:?}"));
        }
    }
    lost
}

/// The same on connections that are kept until the server closes them.
fn ask_again(address: SocketAddr, answered: &AtomicUsize) -> Vec<String> {
    let mut lost = Vec::new();
    while let Some(mut kept) = http::Kept::try_open(address) {
        for number in 0.. {
            match kept.get("/ready") {
                Some(answer) if answer.status == 200 => {
                    answered.fetch_add(1, Ordering::Relaxed);
                    if answer.header("connection") == Some("close") {
                        break;
                    }
                }
                // A connection may end between two requests: a client that
                // meets it asks again on another one (RFC 9112, 9.3.1).
                None if number > 0 => break,
                other => {
                    lost.push(format!("{other:?}"));
                    break;
                }
            }
        }
    }
    lost
}

#[test]
fn no_request_is_lost_when_it_ends() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    let served = Served::start(&project, &[]);
    served.wait_for_ready(READY);
    let address = served.http;
    let answered = AtomicUsize::new(0);
    let lost: Vec<String> = thread::scope(|scope| {
        let answered = &answered;
        let clients: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn(move || match number % 2 {
                    0 => ask_anew(address, answered),
                    _ => ask_again(address, answered),
                })
            })
            .collect();
        wait_until("many answers", || answered.load(Ordering::Relaxed) > 500);
        served.process.signal(Signal::SIGTERM);
        let lost = clients
            .into_iter()
            .map(|client| client.join().expect("no panic"));
        lost.flatten().collect()
    });
    assert_eq!(lost, Vec::<String>::new());
    assert_eq!(served.process.wait().status, 0);
}

#[test]
fn streams_end_cleanly() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    let mut stream = http::connect(served.http);
    stream
        .write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("a request");
    let mut reader = std::io::BufReader::new(stream);
    let mut line = String::new();
    while !line.starts_with("event:") {
        line.clear();
        reader.read_line(&mut line).expect("a line");
    }
    served.process.signal(Signal::SIGTERM);
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("an orderly end");
    // The last chunk is empty: the answer is whole.
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "{rest:?}");
    assert_eq!(served.process.wait().status, 0);
}

#[test]
fn it_says_not_ready_for_a_while_if_it_is_asked_to() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    let mut served = Served::start(&project, &["--drain", "1h"]);
    served.wait_for_ready(READY);
    let mut events = http::Events::open(served.http, "/events", "");
    events.next().expect("the present state");
    served.process.signal(Signal::SIGTERM);
    served.wait_for_ready("503 not ready: segue serve is stopping");
    assert_eq!(served.get("/ready").header("connection"), Some("close"));
    assert_eq!(served.check(), "up drain #segue serve is stopping\n");
    let metrics = served.get("/metrics").body;
    assert!(
        metrics.contains("\nsegue_ready{project=\"main\"} 0\n"),
        "{metrics}"
    );
    assert!(!served.process.has_ended());
    // The second signal does not wait.
    served.process.signal(Signal::SIGINT);
    assert_eq!(served.process.wait().status, 130);
    assert_eq!(events.next(), None);
}
