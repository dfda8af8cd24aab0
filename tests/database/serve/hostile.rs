//! Clients that do not behave.

use std::io::{Read as _, Write as _};

use super::{Served, project};
use crate::support::{TestDatabase, http};

/// First line of what comes back for these bytes.
#[track_caller]
fn first_line(served: &Served<'_>, bytes: &str) -> String {
    let text = http::exchange(served.http, bytes.as_bytes());
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn what_is_not_served_is_refused_by_its_name() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &["--host", "segue.example"]);
    let cases = [
        ("GET /nowhere HTTP/1.0\r\n\r\n", "HTTP/1.0 404 Not Found"),
        (
            "GET /../etc/passwd HTTP/1.0\r\n\r\n",
            "HTTP/1.0 404 Not Found",
        ),
        ("GET /ready/ HTTP/1.0\r\n\r\n", "HTTP/1.0 404 Not Found"),
        (
            "POST /ready HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.0 405 Method Not Allowed",
        ),
        (
            "DELETE /status HTTP/1.0\r\n\r\n",
            "HTTP/1.0 405 Method Not Allowed",
        ),
        ("GET /health HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"),
        ("GET /health?a=%00 HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"),
        (
            "GET /health HTTP/1.0\r\nHost: segue.example\r\n\r\n",
            "HTTP/1.0 200 OK",
        ),
        (
            "GET /health HTTP/1.0\r\nHost: evil.example\r\n\r\n",
            "HTTP/1.0 421 Misdirected Request",
        ),
        (
            "GET /health HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK",
        ),
        ("hello\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("\u{16}\u{3}\u{1}\u{0}\u{1}", "HTTP/1.1 400 Bad Request"),
        ("GET /health SPDY/3\r\n\r\n", "HTTP/1.1 400 Bad Request"),
    ];
    for (request, expected) in cases {
        assert_eq!(first_line(&served, request), expected, "{request:?}");
    }
    let large = format!("GET /health HTTP/1.0\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(
        first_line(&served, &large),
        "HTTP/1.1 431 Request Header Fields Too Large"
    );
    let answer = http::ask(served.http, "POST /ready HTTP/1.0\r\n\r\n");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[test]
fn a_head_is_an_answer_without_its_body() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    for path in ["/ready", "/status", "/metrics", "/health"] {
        let (get, head) = (
            served.get(path),
            http::ask(served.http, &format!("HEAD {path} HTTP/1.0\r\n\r\n")),
        );
        assert_eq!(
            (head.status, head.body.as_str()),
            (get.status, ""),
            "{path}"
        );
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
}

#[test]
fn no_page_from_elsewhere_reads_it_and_none_keeps_it() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    let origin = "GET /status HTTP/1.0\r\nOrigin: https://evil.example\r\n\r\n";
    let answer = http::ask(served.http, origin);
    let mut names: Vec<&str> = answer
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cache-control",
            "content-length",
            "content-security-policy",
            "content-type",
            "date",
            "referrer-policy",
            "x-content-type-options",
        ]
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn requests_come_one_after_the_other_on_a_connection() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    let mut kept = http::Kept::try_open(served.http).expect("a connection");
    for _ in 0..3 {
        assert_eq!(kept.get("/health").map(|answer| answer.status), Some(200));
        assert_eq!(kept.get("/nowhere").map(|answer| answer.status), Some(404));
    }
}

#[test]
fn agent_checks_are_answered_whatever_is_sent() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    let expected = "down #1 migration pending: `1-t.sql`; nobody works on it yet\n";
    served.wait_for_ready("503 not ready: 1 migration pending: `1-t.sql`; nobody works on it yet");
    // Longer than any buffer: the line comes first all the same.
    for garbage in ["", "app1\n", "GET / HTTP/1.1\r\n\r\n", &"x".repeat(100_000)] {
        let mut stream = http::connect(served.agent);
        let _ = stream.write_all(garbage.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut line = String::new();
        stream.read_to_string(&mut line).expect("a line");
        assert_eq!(line, expected, "{:?}", &garbage[..garbage.len().min(9)]);
    }
    // Those who say nothing and do not go are in nobody's way.
    let idle: Vec<_> = (0..50).map(|_| http::connect(served.agent)).collect();
    assert_eq!(served.check(), expected);
    drop(idle);
}

#[test]
fn a_header_that_never_ends_is_in_nobodys_way() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    let slow: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = http::connect(served.http);
            stream
                .write_all(b"GET /ready HTTP/1.1\r\nX-")
                .expect("sent");
            stream
        })
        .collect();
    assert_eq!(served.get("/health").status, 200);
    drop(slow);
}
