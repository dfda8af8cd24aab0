//! The database is away, for a while or for long, or lets nobody in.

use serde_json::Value;

use super::Served;
use crate::connect::server::Server;
use crate::support::{Project, TestSession, http};

const HBA: &str = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// A server that can be stopped, and a folder for its database.
fn server_and_project() -> (Server, Project) {
    let server = Server::start(HBA, None);
    let mut project = Project::new();
    let folder = regex::escape(&server.path().display().to_string());
    project.redact(&format!("{folder}/\\.s\\.PGSQL\\.\\d+"), "[socket]");
    project.redact(&format!("{folder}:{}", server.port), "[folder]:[port]");
    project.redact(&format!("port {}", server.port), "port [port]");
    project.file("1-t.sql", "CREATE TABLE t (a int);\n");
    project.env("DATABASE_URL", server.socket("postgres"));
    (server, project)
}

fn stale(served: &Served<'_>) -> bool {
    served.get("/ready").json()["stale"] != Value::Null
}

#[test]
fn a_restart_is_told_and_does_not_end_readiness() {
    let (postgres, project) = server_and_project();
    project.segue(&["up"]).expect_success();
    let served = Served::start(&project, &[]);
    served.wait_for_ready("200 ready: deployment 1 is settled");
    let mut events = http::Events::open(served.http, "/events", "");
    postgres.control("stop");
    let message = events.until("stale");
    assert_eq!(message.data["served"]["ready"], true);
    assert_eq!(served.ready(), "200 ready: deployment 1 is settled");
    assert_eq!(served.check(), "up ready #deployment 1 is settled\n");
    assert!(stale(&served));
    // The last truth is still shown whole.
    assert_eq!(served.get("/status").json()["place"], "equal");
    let health = served.get("/health");
    assert_eq!(health.status, 200);
    let text = served.process.redacted(&health.body);
    assert!(text.contains(r#""database":"away: "#), "{text}");
    postgres.control("start");
    let message = events.until("status");
    assert_eq!(message.data["served"]["stale"], Value::Null);
    assert!(!stale(&served));
    assert_eq!(
        served.get("/health").body,
        "{\"alive\":true,\"database\":\"up\",\"version\":1}\n"
    );
}

#[test]
fn an_outage_ends_readiness_after_the_bound() {
    let (postgres, project) = server_and_project();
    project.segue(&["up"]).expect_success();
    let served = Served::start(&project, &["--stale-after", "3s"]);
    served.wait_for_ready("200 ready: deployment 1 is settled");
    postgres.control("stop");
    served.wait_for_ready(
        "503 not ready: the database has not been seen for more than 3s: no server accepts connections for database `postgres` as user `postgres` at [folder]:[port]: socket `[socket]`: there is no such socket",
    );
    assert!(
        served
            .check()
            .starts_with("up drain #the database has not been seen")
    );
    postgres.control("start");
    served.wait_for_ready("200 ready: deployment 1 is settled");
    assert_eq!(served.check(), "up ready #deployment 1 is settled\n");
}

#[test]
fn a_server_that_comes_later_is_found() {
    let (postgres, project) = server_and_project();
    postgres.control("stop");
    let served = Served::start(&project, &[]);
    served
        .wait_for_ready("503 not ready: the database has not been seen yet: no server accepts connections for database `postgres` as user `postgres` at [folder]:[port]: socket `[socket]`: there is no such socket");
    let status = served.get("/status");
    assert_eq!(
        (status.status, &status.json()["place"]),
        (200, &Value::Null)
    );
    postgres.control("start");
    project.segue(&["up"]).expect_success();
    served.wait_for_ready("200 ready: deployment 1 is settled");
}

#[test]
fn a_password_that_ceases_to_be_right_is_told_without_it() {
    let (postgres, mut project) = server_and_project();
    project.segue(&["up"]).expect_success();
    let superuser = TestSession::connect(&postgres.socket("postgres"));
    superuser.run("CREATE ROLE app LOGIN PASSWORD 'first-secret'");
    superuser.run("GRANT USAGE ON SCHEMA segue TO app");
    superuser.run("GRANT SELECT ON ALL TABLES IN SCHEMA segue TO app");
    let url = format!(
        "postgres://app:first-secret@127.0.0.1:{}/postgres?sslmode=disable",
        postgres.port
    );
    project.env("DATABASE_URL", url);
    let served = Served::start(&project, &["--stale-after", "3s"]);
    served.wait_for_ready("200 ready: deployment 1 is settled");
    superuser.run("ALTER ROLE app PASSWORD 'another-secret'");
    superuser.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
    served.wait_for_ready(
        "503 not ready: the database has not been seen for more than 3s: \
         cannot connect to database `postgres` as user `app` at `127.0.0.1`, port [port]: \
         password authentication failed for user \"app\" (SQLSTATE 28P01)",
    );
    let told: String = ["/ready", "/status", "/health", "/metrics"]
        .iter()
        .map(|path| served.get(path).body)
        .chain([served.check(), served.process.stderr()])
        .collect();
    assert!(!told.contains("secret"), "{told}");
    superuser.run("ALTER ROLE app PASSWORD 'first-secret'");
    served.wait_for_ready("200 ready: deployment 1 is settled");
}
