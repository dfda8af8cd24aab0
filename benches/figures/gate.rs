//! From the COMMIT that makes a deployment ready to whoever opens the gate:
//! `segue wait`, `segue serve`, HAProxy.

#[path = "gate/clients.rs"]
mod clients;
#[path = "gate/cold.rs"]
mod cold;
#[path = "gate/crowd.rs"]
mod crowd;
#[path = "gate/haproxy.rs"]
mod haproxy;
#[path = "gate/woken.rs"]
mod woken;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use crate::stage::{Database, Stage, timed};
use crate::table::{Section, Series};
use crate::wake::last_commit;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let mut rows = woken::rows(stage);
    rows.extend(haproxy::rows(stage));
    rows.push(crowd::row_of_all(stage));
    vec![
        Section {
            title: "From COMMIT to an open gate",
            text: format!(
                "From the COMMIT that makes a deployment ready, by the server's commit timestamp, to the line of `segue wait
ready`, or to the first request that HAProxy lets through to the new backend; `segue up` goes on beside it. HAProxy asks
every {} ms: half of that is to be expected. All on one machine.",
                haproxy::INTERVAL.as_millis(),
            ),
            columns: vec!["gate", "rounds", "median", "p99", "range"],
            rows,
        },
        cold::section(stage),
        clients::section(stage),
    ]
}

/// A row of the first table.
fn row(title: &str, series: &Series) -> Vec<String> {
    vec![
        title.to_owned(),
        series.len().to_string(),
        format!("{} ms", crate::table::milliseconds(series.median())),
        format!("{} ms", crate::table::milliseconds(series.p99())),
        series.show(),
    ]
}

/// A file that the next deployment of `folder` has to do.
fn next_file(folder: &Path, round: usize) {
    let file = folder.join(format!("{round:06}.sql"));
    std::fs::write(file, format!("CREATE TABLE t{round} ();\n")).expect("a file");
}

/// Deploys what `folder` has; when the batch was committed.
fn deploy(database: &Database<'_>, folder: &Path) -> SystemTime {
    timed(database.segue(folder, &["up"]));
    last_commit(database)
}

/// The first line that the process tells on standard error, which stays open
/// and is read on.
fn first_told(child: &mut Child) -> String {
    let stderr = child.stderr.take().expect("piped");
    let mut reader = BufReader::new(stderr);
    let mut line = String::new();
    assert!(reader.read_line(&mut line).expect("a line") > 0, "silence");
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    line
}

/// A `segue serve` that has looked at the database, ended when dropped.
struct Serving {
    child: Child,
    /// Where it speaks HTTP, and answers the agent-check.
    listen: u16,
    agent: u16,
}

impl Serving {
    fn start(database: &Database<'_>, folder: &Path) -> Self {
        let (listen, agent) = (crate::server::free_port(), crate::server::free_port());
        let mut child = database
            .segue(
                folder,
                &[
                    "serve",
                    "--listen",
                    &format!("127.0.0.1:{listen}"),
                    "--agent",
                    &format!("127.0.0.1:{agent}"),
                ],
            )
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        first_told(&mut child);
        Self {
            child,
            listen,
            agent,
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How much later `after` is; clocks are the same, but not in one step.
fn since(after: SystemTime, before: SystemTime) -> Duration {
    after.duration_since(before).unwrap_or_default()
}
