//! Several hosts, servers of several kinds, a server that only starts.

use std::time::{Duration, Instant};

use segue::postgres::connect::{ConnectError, connect};

use super::server::{Server, free_port};
use super::{ask, outcome, target};

const HBA: &str =
    "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 trust\n";

#[tokio::test]
async fn the_first_host_that_will_do_is_taken() {
    let primary = Server::start(HBA, None);
    let standby = primary.standby("on");
    let dead = free_port();
    let ports = [dead, primary.port, standby.port].map(|port| port.to_string());
    let redact: Vec<(&str, &str)> = ports
        .iter()
        .map(String::as_str)
        .zip(["DEAD", "PRIMARY", "STANDBY"])
        .collect();
    let answers = async |order: [u16; 2], attributes: &str| {
        let url = format!(
            "host=127.0.0.1,127.0.0.1,127.0.0.1 port={dead},{},{} user=postgres \
             target_session_attrs={attributes}",
            order[0], order[1]
        );
        match connect(&target(&url), Duration::ZERO).await {
            Ok(connected) => {
                let port = ask(connected, "SELECT current_setting('port')").await;
                redact
                    .iter()
                    .fold(port, |text, (varying, fixed)| text.replace(varying, fixed))
            }
            Err(error) => format!("{error}"),
        }
    };
    let (p, s) = (primary.port, standby.port);
    for (order, attributes, expected) in [
        ([p, s], "any", "PRIMARY"),
        ([s, p], "any", "STANDBY"),
        ([s, p], "read-write", "PRIMARY"),
        ([s, p], "primary", "PRIMARY"),
        ([p, s], "read-only", "STANDBY"),
        ([p, s], "standby", "STANDBY"),
        ([p, s], "prefer-standby", "STANDBY"),
        ([p, p], "prefer-standby", "PRIMARY"),
    ] {
        assert_eq!(
            answers(order, attributes).await,
            expected,
            "{order:?} {attributes}"
        );
    }
    let url = |port: u16, attributes: &str| {
        target(&format!(
            "host=127.0.0.1 port={port} user=postgres target_session_attrs={attributes}"
        ))
    };
    for (port, attributes, reason) in [
        (
            s,
            "primary",
            "`127.0.0.1`, port STANDBY: the server is a standby",
        ),
        (
            s,
            "read-write",
            "`127.0.0.1`, port STANDBY: sessions are read-only",
        ),
        (
            p,
            "standby",
            "`127.0.0.1`, port PRIMARY: the server is no standby",
        ),
        (
            p,
            "read-only",
            "`127.0.0.1`, port PRIMARY: sessions are not read-only",
        ),
    ] {
        let name = if port == p { "PRIMARY" } else { "STANDBY" };
        assert_eq!(
            outcome(&url(port, attributes), &redact).await,
            format!(
                "no server is `{attributes}` for database `postgres` as user `postgres` at \
                 127.0.0.1:{name}: {reason}\n\
                 help: name a host that is, or change `target_session_attrs`"
            )
        );
    }
    // A refusal is final, whoever follows.
    let url = format!("host=127.0.0.1,127.0.0.1 port={p},{s} user=postgres dbname=none");
    assert_eq!(
        outcome(&target(&url), &redact).await,
        "cannot connect to database `none` as user `postgres` at `127.0.0.1`, port PRIMARY: \
         database \"none\" does not exist (SQLSTATE 3D000)\n\
         help: check the name, or create it: `createdb none`"
    );
}

#[tokio::test]
async fn nobody_there_is_told_for_every_address() {
    let dead = free_port();
    let port = dead.to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let redact: &[(&str, &str)] = &[(&port, "PORT"), (path, "FOLDER")];
    let help = "\nhelp: check that the server runs and that host and port are right; \
                `--connect-wait 30s` waits for one that is starting";
    let url = format!("host=127.0.0.1,{path} port={dead} user=u dbname=d");
    assert_eq!(
        outcome(&target(&url), redact).await,
        format!(
            "no server accepts connections for database `d` as user `u` at 127.0.0.1:PORT, FOLDER:PORT: \
             `127.0.0.1`, port PORT: connection refused; \
             socket `FOLDER/.s.PGSQL.PORT`: there is no such socket{help}"
        )
    );
    // Someone who accepts and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_port = silent.local_addr().unwrap().port().to_string();
    let url = format!("host=127.0.0.1 port={silent_port} user=u dbname=d connect_timeout=1");
    assert_eq!(
        outcome(&target(&url), &[(&silent_port, "PORT")]).await,
        "cannot reach database `d` as user `u` at 127.0.0.1:PORT: `127.0.0.1`, port PORT: \
         no answer within 1 s (`connect_timeout`)\n\
         help: check host, port and the network in between"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_only_starts_is_waited_for() {
    let server = Server::prepare(HBA, None);
    for url in [
        server.socket("postgres"),
        format!("host=127.0.0.1 port={} user=postgres", server.port),
    ] {
        let target = target(&url);
        // Without waiting it fails at once, with waiting when the time is over.
        let start = Instant::now();
        let error = connect(&target, Duration::from_millis(300))
            .await
            .unwrap_err();
        assert!(
            matches!(error, ConnectError::NotAccepting { .. }),
            "{error}"
        );
        assert!(start.elapsed() >= Duration::from_millis(300));
        let (connected, ()) = tokio::join!(connect(&target, Duration::from_mins(1)), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            tokio::task::block_in_place(|| server.control("start"));
        });
        assert_eq!(ask(connected.unwrap(), "SELECT 1").await, "1");
        server.control("stop");
    }
}

#[tokio::test]
async fn a_wrong_password_is_not_waited_for() {
    let server = Server::start("host all all 127.0.0.1/32 scram-sha-256\n", None);
    let url = format!(
        "host=127.0.0.1 port={} user=postgres password=wrong",
        server.port
    );
    let start = Instant::now();
    let error = connect(&target(&url), Duration::from_mins(1))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::WrongPassword { .. }),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_server_that_says_it_is_not_ready_is_passed_over_or_waited_for() {
    let primary = Server::start(HBA, None);
    let closed = primary.standby("off");
    let port = closed.port.to_string();
    let url = format!("host=127.0.0.1 port={port} user=postgres");
    assert_eq!(
        outcome(&target(&url), &[(&port, "PORT")]).await,
        "no server accepts connections for database `postgres` as user `postgres` at \
         127.0.0.1:PORT: `127.0.0.1`, port PORT: the database system is not accepting connections\n\
         help: check that the server runs and that host and port are right; \
         `--connect-wait 30s` waits for one that is starting"
    );
    let start = Instant::now();
    let error = connect(&target(&url), Duration::from_millis(300))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::NotAccepting { .. }),
        "{error}"
    );
    assert!(start.elapsed() >= Duration::from_millis(300));
    let url = format!(
        "host=127.0.0.1,127.0.0.1 port={port},{} user=postgres",
        primary.port
    );
    assert_eq!(outcome(&target(&url), &[]).await, "postgres@postgres plain");
}
