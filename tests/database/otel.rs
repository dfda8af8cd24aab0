//! Traces by OTLP: what a collector receives. With the feature `otel`.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use prost::Message;

use crate::support::{Project, TestDatabase, assert_text, secret, wait_until};

// As much of opentelemetry-proto's trace.proto as is looked at.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(fixed64, tag = "7")]
    began: u64,
    #[prost(fixed64, tag = "8")]
    ended: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(int64, optional, tag = "3")]
    number: Option<i64>,
}

/// A collector on a port of this machine.
struct Collector {
    url: String,
    received: Arc<Mutex<Vec<Request>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = Arc::clone(&kept);
                let stream = stream.expect("a connection");
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    // A connection is used again.
                    while let Some(body) = body(&mut reader) {
                        secret::assert_absent("a trace", &body);
                        let request = Request::decode(body.as_slice()).expect("a request");
                        kept.lock().expect("no panic").push(request);
                        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
                             content-length: 0\r\n\r\n";
                        reader.get_mut().write_all(answer.as_bytes()).expect("sent");
                    }
                });
            }
        });
        Self { url, received }
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.received.lock().expect("no panic");
        let resources = requests.iter().flat_map(|request| &request.resources);
        let scopes = resources.flat_map(|resource| &resource.scopes);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    fn service(&self) -> Option<String> {
        let requests = self.received.lock().expect("no panic");
        let resource = requests.first()?.resources.first()?.resource.clone()?;
        attribute(&resource.attributes, "service.name")
    }

    /// The spans as a tree, in the order in which they began.
    fn tree(&self) -> String {
        let mut spans = self.spans();
        spans.sort_by_key(|span| (span.began, std::cmp::Reverse(span.ended)));
        let ids: Vec<_> = spans.iter().map(|span| span.id.clone()).collect();
        let mut children: BTreeMap<Vec<u8>, Vec<Span>> = BTreeMap::new();
        let mut roots = Vec::new();
        for span in spans {
            assert!(span.began <= span.ended, "{span:?}");
            if ids.contains(&span.parent) {
                children.entry(span.parent.clone()).or_default().push(span);
            } else {
                roots.push(span);
            }
        }
        let mut text = String::new();
        draw(&roots, &children, 0, &mut text);
        text
    }
}

fn draw(spans: &[Span], children: &BTreeMap<Vec<u8>, Vec<Span>>, depth: usize, text: &mut String) {
    for span in spans {
        let shown = ["segue.migration", "segue.statement", "segue.waits_for"];
        let shown = shown
            .iter()
            .filter_map(|key| attribute(&span.attributes, key))
            .map(|value| format!(" {value}"))
            .collect::<String>();
        let status = span.status.as_ref().filter(|status| status.code == 2);
        let status = status.map_or_else(String::new, |status| format!(" ! {}", status.message));
        text.push_str(&format!(
            "{}{}{shown}{status}\n",
            "  ".repeat(depth),
            span.name
        ));
        if let Some(below) = children.get(&span.id) {
            draw(below, children, depth + 1, text);
        }
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    let value = found.value.clone()?;
    value.text.or_else(|| Some(value.number?.to_string()))
}

/// The body of the next request, if there is one.
fn body(reader: &mut impl std::io::BufRead) -> Option<Vec<u8>> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|length| *length > 0)?;
    assert!(line.starts_with("POST /v1/traces "), "{line}");
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a header");
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    Some(body)
}

fn traced(database: &TestDatabase<'_>, url: &str) -> Project {
    let mut project = Project::deploying(database);
    project
        .file(
            "1-t.sql",
            "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (1);\n",
        )
        .file(
            "2-i.sql",
            "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
             CREATE INDEX CONCURRENTLY i ON t (a);\n\
             ANALYZE t;\n",
        );
    project.env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    project
}

#[test]
fn a_run_is_a_trace_of_its_batch_its_tail_and_their_migrations() {
    let collector = Collector::start();
    let database = TestDatabase::new();
    let mut project = traced(&database, &collector.url);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    project.env("TRACEPARENT", format!("00-{trace}-00f067aa0ba902b7-01"));
    project.segue(&["up"]).expect_success();
    assert_text(
        "spans",
        &collector.tree(),
        "
        run
          batch
            block
              migration 1-t.sql
          tail
            migration 2-i.sql
              statement 1
              statement 2
        ",
    );
    assert_eq!(collector.service().as_deref(), Some("segue"));
    for span in collector.spans() {
        let hex: String = span
            .trace
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, trace);
    }
}

#[test]
fn what_fails_is_marked_with_its_reason() {
    let collector = Collector::start();
    let database = TestDatabase::new();
    let project = traced(&database, &collector.url);
    project.file(
        "2-i.sql",
        "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
         CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);\n",
    );
    assert_eq!(project.segue(&["up"]).status, 6);
    assert_text(
        "spans",
        &collector.tree(),
        "
        run ! the tail is not done: `2-i.sql` failed
          batch
            block
              migration 1-t.sql
          tail ! the tail is not done: `2-i.sql` failed
            migration 2-i.sql ! could not create unique index \"i\"
              statement 1 ! could not create unique index \"i\"
        ",
    );
}

#[test]
fn a_service_makes_a_trace_for_each_tail() {
    let collector = Collector::start();
    let database = TestDatabase::new();
    let project = traced(&database, &collector.url);
    let service = project.spawn(&["settle", "--service"]);
    service.wait_for_stderr("Serving");
    let mut up = project.command(&["up", "--until", "ready"]);
    up.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    project.output_of(&mut up).expect_success();
    service.wait_for_stderr("Settled");
    service.signal(Signal::SIGTERM);
    service.wait().expect_success();
    assert_text(
        "spans",
        &collector.tree(),
        "
        tail
          migration 2-i.sql
            statement 1
            statement 2
        ",
    );
}

#[test]
fn a_collector_that_is_not_there_changes_nothing() {
    let database = TestDatabase::new();
    let mut project = traced(&database, "http://127.0.0.1:1");
    let began = Instant::now();
    let run = project.segue(&["up"]);
    run.expect_success();
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert!(
        run.stderr.contains("traces could not be sent"),
        "{}",
        run.stderr
    );
    // One that takes the connection and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    project.env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    let began = Instant::now();
    project.segue(&["up"]).expect_success();
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    // And none that is asked for.
    project.env("OTEL_SDK_DISABLED", "true");
    let run = project.segue(&["up"]);
    run.expect_success();
    assert!(!run.stderr.contains("traces"), "{}", run.stderr);
}

#[test]
fn a_wait_for_another_run_is_a_span() {
    let collector = Collector::start();
    let database = TestDatabase::new();
    let project = traced(&database, &collector.url);
    let mut first = project.command(&["up"]);
    first.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    let holder = database.session();
    holder.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    holder.run("SELECT 1");
    let first = project.spawn_command(first);
    wait_until("the build", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_some()
    });
    let second = project.spawn(&["settle"]);
    second.wait_for_stderr("run by");
    holder.run("COMMIT");
    first.wait().expect_success();
    second.wait().expect_success();
    assert_text(
        "spans",
        &collector.tree(),
        "
        run
          tail
            wait 2-i.sql
        ",
    );
}
