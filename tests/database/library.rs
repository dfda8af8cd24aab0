//! segue as a library: what programs that migrate at start rely on.

mod dropped;
mod embedded;
mod program;
mod start;
mod stop;
mod together;
mod wait;

use std::sync::OnceLock;
use std::time::Duration;

use segue::{Deployment, Embedded, EmbeddedFile, Event, Events};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::support::{PATIENCE, TestDatabase, wait_until};

/// Migrations as [`segue::embed!`] would have them.
fn embedded(files: &[(&str, &str)]) -> &'static Embedded {
    let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let files: Vec<EmbeddedFile> = files
        .iter()
        .map(|(name, text)| {
            let path = keep(&format!("migrations/{name}"));
            EmbeddedFile::new(path, keep(text).as_bytes())
        })
        .collect();
    Box::leak(Box::new(Embedded::new(files.leak())))
}

/// A table, and an index on it that is built after ready.
const TRIPLE: [(&str, &str); 2] = [
    (
        "a.sql",
        "CREATE TABLE t AS SELECT generate_series(1, 100) AS n;",
    ),
    (
        "b.sql",
        "-- segue: begin-concurrent-migration-with: a.sql\n\
         CREATE INDEX CONCURRENTLY t_n ON t (n);",
    ),
];

/// These migrations on `database`. Not folded: a fresh database would have no
/// tail.
fn deployment(database: &TestDatabase<'_>, files: &[(&str, &str)]) -> Deployment {
    Deployment::new(embedded(files))
        .database(database.url())
        .fold(false)
        .retry_for(PATIENCE)
        .concurrent_wait(PATIENCE)
        .commit_wait(PATIENCE)
}

/// Runs the library, beside the one that runs the tests' own connections.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// Waiting from ordinary functions.
trait Done: Future + Sized {
    /// What it gives in the end.
    fn done(self) -> Self::Output {
        runtime().block_on(self)
    }
}

impl<F: Future> Done for F {}

/// Runs beside the test.
fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    runtime().spawn(future)
}

/// The next event, if there is one by now.
fn next(events: &mut Events) -> Option<Event> {
    let next = async { tokio::time::timeout(Duration::ZERO, events.next()).await };
    next.done().ok().flatten()
}

/// The events told so far, each as a line; without progress, which depends on
/// how fast the server is.
fn lines(events: &mut Events) -> String {
    let events = std::iter::from_fn(|| next(events));
    let events = events.filter(|event| !matches!(event, Event::Progress { .. }));
    let lines: Vec<String> = events.map(|event| format!("{event}\n")).collect();
    let durations = regex::Regex::new(r"\b\d+(\.\d+)?(ms|s|m)\b").expect("a pattern");
    durations.replace_all(&lines.concat(), "[t]").into_owned()
}

/// The migrations that are applied, by name.
fn applied(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT string_agg(file, ' ' ORDER BY file) FROM segue.migration WHERE state = 'applied'",
    )
}

/// Waits until no session holds an advisory lock here, and none is at work.
#[track_caller]
fn wait_until_free(database: &TestDatabase<'_>) {
    let session = database.session();
    wait_until("the locks to be free", || {
        session.query(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        ) == "0"
    });
}
