//! However many ask, the database has one connection.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{Served, project};
use crate::support::{TestDatabase, http};

const CLIENTS: usize = 1000;

#[test]
fn a_thousand_clients_cost_one_connection() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536), hard).expect("below the hard limit");
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    served.wait_for_ready("503 not ready: 1 migration pending: `1-t.sql`; nobody works on it yet");
    let mut streams: Vec<_> = (0..CLIENTS)
        .map(|_| http::Events::open(served.http, "/events", ""))
        .collect();
    for stream in &mut streams {
        assert_eq!(stream.next().expect("the present state").event, "status");
    }
    let mut kept: Vec<_> = (0..CLIENTS)
        .map(|_| http::Kept::try_open(served.http).expect("a connection"))
        .collect();
    for client in &mut kept {
        assert_eq!(client.get("/ready").map(|answer| answer.status), Some(503));
    }
    let metrics = served.get("/metrics").body;
    for line in ["segue_http_connections 2001", "segue_event_streams 1000"] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}\n{metrics}"
        );
    }
    assert_eq!(
        database.query(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ),
        "1"
    );
    project.segue(&["up"]).expect_success();
    for stream in &mut streams {
        stream.until("settled");
    }
    for client in &mut kept {
        assert_eq!(client.get("/ready").map(|answer| answer.status), Some(200));
    }
}
