//! `segue serve`: readiness over HTTP and to load balancers.

use std::io::Read as _;
use std::net::SocketAddr;

use crate::support::{Background, Project, TestDatabase, http, wait_until};

mod away;
mod crowd;
mod drift;
mod events;
mod follows;
mod haproxy;
mod hostile;
mod metrics;
mod stop;

const INDEX: &str = "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
     CREATE INDEX CONCURRENTLY t_a ON t (a);\n";

/// A folder of migrations with a table.
fn project(database: &TestDatabase<'_>) -> Project {
    let project = Project::on(database);
    project.file("1-t.sql", "CREATE TABLE t (a int);\n");
    project
}

/// A server that runs.
struct Served<'a> {
    process: Background<'a>,
    http: SocketAddr,
    agent: SocketAddr,
}

impl<'a> Served<'a> {
    fn start(project: &'a Project, arguments: &[&str]) -> Self {
        let common = ["serve", "--listen", "127.0.0.1:0", "--agent", "127.0.0.1:0"];
        let process = project.spawn(&[&common, arguments].concat());
        process.wait_for_stderr("agent-check on ");
        let told = process.stderr();
        let after = |text: &str| {
            let rest = told.split(text).nth(1).expect("told");
            let address = rest.lines().next().expect("a line");
            address.parse().expect("an address")
        };
        Self {
            http: after("http://"),
            agent: after("agent-check on "),
            process,
        }
    }

    #[track_caller]
    fn get(&self, path: &str) -> http::Answer {
        http::get(self.http, path)
    }

    /// Status and text of `/ready`, without the line end.
    #[track_caller]
    fn ready(&self) -> String {
        let request = "GET /ready HTTP/1.0\r\nAccept: text/plain\r\n\r\n";
        let answer = http::ask(self.http, request);
        let text = self.process.redacted(answer.body.trim_end());
        format!("{} {text}", answer.status)
    }

    #[track_caller]
    fn wait_for_ready(&self, expected: &str) {
        wait_until(&format!("{expected:?} of /ready"), || {
            self.ready() == expected
        });
    }

    /// What HAProxy is told.
    #[track_caller]
    fn check(&self) -> String {
        let mut stream = http::connect(self.agent);
        let mut line = String::new();
        stream.read_to_string(&mut line).expect("a line");
        self.process.redacted(&line)
    }
}
