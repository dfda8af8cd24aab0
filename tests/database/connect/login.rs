//! Passwords and what else a server asks before it lets anyone in.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use segue::postgres::connect::connect;
use segue::postgres::target::Target;

use super::server::Server;
use super::{ask, environment, outcome, run, target};

const HBA: &str = "\
local all postgres trust
host all postgres 127.0.0.1/32 trust
host all scram 127.0.0.1/32 scram-sha-256
host all md5 127.0.0.1/32 md5
host all plain 127.0.0.1/32 password
";

async fn server() -> Server {
    let server = Server::start(HBA, None);
    run(
        &server.socket("postgres"),
        &[
            "CREATE ROLE scram LOGIN PASSWORD 'secret'",
            "CREATE ROLE plain LOGIN PASSWORD 'secret'",
            "SET password_encryption = md5",
            "CREATE ROLE md5 LOGIN PASSWORD 'secret'",
            "CREATE DATABASE app",
        ],
    )
    .await;
    server
}

#[tokio::test]
async fn a_server_lets_in_whom_it_knows_and_says_why_not() {
    let server = server().await;
    let port = server.port.to_string();
    let folder = server.path().to_str().unwrap();
    let redact: &[(&str, &str)] = &[(&port, "PORT"), (folder, "FOLDER")];
    let check = async |url: &str, variables: &[(&str, &str)], expected: &str| {
        let mut variables = variables.to_vec();
        variables.extend([
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", &port),
            ("PGDATABASE", "app"),
        ]);
        let target = Target::resolve(Some(url), &environment(&variables, None)).unwrap();
        assert_eq!(outcome(&target, redact).await, expected, "{url}");
    };
    for user in ["scram", "md5", "plain"] {
        let url = format!("user={user} password=secret");
        check(&url, &[], &format!("{user}@app plain")).await;
        check(
            &format!("user={user}"),
            &[("PGPASSWORD", "secret")],
            &format!("{user}@app plain"),
        )
        .await;
        check(
            &format!("user={user} password=wrongsecret"),
            &[],
            &format!(
                "cannot connect to database `app` as user `{user}` at `127.0.0.1`, port PORT: \
                 password authentication failed for user \"{user}\" (SQLSTATE 28P01)\n\
                 help: check user and password: connection string, `PGPASSWORD`, `~/.pgpass`"
            ),
        )
        .await;
        check(
            &format!("user={user}"),
            &[],
            &format!(
                "cannot connect to database `app` as user `{user}` at `127.0.0.1`, port PORT: \
                 the server wants a password, and none is given\n\
                 help: set `PGPASSWORD`, or write the password to `~/.pgpass` (mode 0600)"
            ),
        )
        .await;
    }
    check(
        "user=postgres dbname=none",
        &[],
        "cannot connect to database `none` as user `postgres` at `127.0.0.1`, port PORT: \
         database \"none\" does not exist (SQLSTATE 3D000)\n\
         help: check the name, or create it: `createdb none`",
    )
    .await;
    check(
        "user=stranger",
        &[],
        "cannot connect to database `app` as user `stranger` at `127.0.0.1`, port PORT: \
         no pg_hba.conf entry for host \"127.0.0.1\", user \"stranger\", database \"app\", \
         no encryption (SQLSTATE 28000)\n\
         help: check that the role exists and may log in, and that `pg_hba.conf` lets this user \
         into this database from here with this `sslmode`",
    )
    .await;
    check(
        "user=postgres options='-c nonsense=1'",
        &[],
        "cannot connect to database `app` as user `postgres` at `127.0.0.1`, port PORT: \
         unrecognized configuration parameter \"nonsense\" (SQLSTATE 42704)",
    )
    .await;
    check(
        "user=postgres sslmode=require",
        &[],
        "cannot connect securely to database `app` as user `postgres` at `127.0.0.1`, port PORT: \
         the server does not offer TLS, and `sslmode` demands it\n\
         help: turn `ssl` on at the server, or use `sslmode=prefer`",
    )
    .await;
    // Sockets are never encrypted, whatever the mode.
    check(
        &format!("host={folder} sslmode=verify-full user=postgres"),
        &[],
        "postgres@app plain",
    )
    .await;
}

#[tokio::test]
async fn passwords_come_from_files_too() {
    let server = server().await;
    let home = tempfile::tempdir().unwrap();
    let port = server.port.to_string();
    let redact: &[(&str, &str)] = &[(&port, "PORT")];
    let check = async |url: &str, variables: &[(&str, &str)], expected: &str| {
        let mut variables = variables.to_vec();
        variables.extend([
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", &port),
            ("PGDATABASE", "app"),
        ]);
        let surroundings = environment(&variables, Some(home.path()));
        let target = Target::resolve(Some(url), &surroundings).unwrap();
        assert_eq!(outcome(&target, redact).await, expected, "{url}");
    };
    let passwords = home.path().join(".pgpass");
    std::fs::write(&passwords, "127.0.0.1:*:app:scram:secret\n").unwrap();
    std::fs::set_permissions(&passwords, std::fs::Permissions::from_mode(0o600)).unwrap();
    check("user=scram", &[], "scram@app plain").await;
    std::fs::set_permissions(&passwords, std::fs::Permissions::from_mode(0o644)).unwrap();
    check(
        "user=scram",
        &[],
        &format!(
            "cannot connect to database `app` as user `scram` at `127.0.0.1`, port PORT: the server \
             wants a password, and none is given; password file `{}` was ignored: group or others \
             may access it; permissions should be u=rw (0600) or less\n\
             help: set `PGPASSWORD`, or write the password to `~/.pgpass` (mode 0600)",
            passwords.display()
        ),
    )
    .await;
    std::fs::write(
        home.path().join(".pg_service.conf"),
        "[s]\nuser=scram\npassword=secret\n",
    )
    .unwrap();
    check("service=s", &[], "scram@app plain").await;
    check(
        "",
        &[("PGSERVICE", "s"), ("PGUSER", "nobody")],
        "scram@app plain",
    )
    .await;
}

#[tokio::test]
async fn what_is_set_reaches_the_session() {
    let server = server().await;
    let environment = environment(
        &[
            ("PGTZ", "Asia/Tokyo"),
            ("PGDATESTYLE", "SQL, DMY"),
            ("PGOPTIONS", "-c timezone=UTC -c work_mem=123kB"),
        ],
        None,
    );
    let target = Target::resolve(Some(&server.socket("postgres")), &environment).unwrap();
    let connected = connect(&target.with_database("app"), Duration::ZERO)
        .await
        .unwrap();
    assert!(connected.server_version >= 140_000);
    assert_eq!(
        ask(
            connected,
            "SELECT current_database(), current_setting('timezone'), current_setting('datestyle'), \
             current_setting('work_mem'), current_setting('application_name'), \
             current_setting('client_encoding')"
        )
        .await,
        "app|Asia/Tokyo|SQL, DMY|123kB|segue|UTF8"
    );
    // psql is libpq: it understands the URI that child processes are given.
    let output = std::process::Command::new("psql")
        .args([
            "-X",
            "-At",
            "-c",
            "SELECT current_database(), current_setting('application_name')",
        ])
        .arg(
            target
                .with_database("app")
                .with_application_name("a b&c")
                .uri_without_password(),
        )
        .env("PGHOST", "/nowhere")
        .output()
        .expect("psql is installed");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "app|a b&c\n");
}

#[tokio::test]
async fn notifications_come_after_the_kind_of_server_was_asked() {
    use futures_util::StreamExt;
    let server = server().await;
    let target = target(&format!(
        "{} target_session_attrs=primary",
        server.socket("postgres")
    ));
    let connected = connect(&target, Duration::ZERO).await.unwrap();
    let client = connected.client;
    let statement = async move { client.batch_execute("LISTEN x; NOTIFY x, 'payload'").await };
    // The client is dropped when the statement is done, which ends the messages.
    let (sent, messages) = tokio::join!(statement, connected.connection.collect::<Vec<_>>());
    sent.unwrap();
    let payloads: Vec<_> = messages
        .iter()
        .map(|message| match message {
            Ok(tokio_postgres::AsyncMessage::Notification(notification)) => {
                (notification.channel(), notification.payload())
            }
            other => panic!("expected a notification, got {other:?}"),
        })
        .collect();
    assert_eq!(payloads, [("x", "payload")]);
}

/// Every event of every crate, as text.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_password_in_errors_sources_or_logs() {
    let server = server().await;
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("trace"))
        .with_writer(move || writer.clone())
        .init();
    let base = format!("host=127.0.0.1 port={} dbname=app", server.port);
    for url in [
        format!("{base} user=scram password=topsecret"),
        format!("{base} user=md5 password=topsecret"),
        format!("{base} user=plain password=topsecret"),
        format!("{base} user=plain password=topsecret sslmode=require"),
        format!("{base} user=nobody password=topsecret"),
        "host=127.0.0.1 port=1 password=topsecret".to_owned(),
    ] {
        let error = connect(&target(&url), Duration::ZERO).await.unwrap_err();
        let mut shown = vec![format!("{error} {error:?} {error:#?} {:?}", error.help())];
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown.push(format!("{cause} {cause:?}"));
            source = cause.source();
        }
        assert!(!shown.concat().contains("topsecret"), "{shown:?}");
    }
    let connected = connect(
        &target(&format!("{base} user=plain password=secret")),
        Duration::ZERO,
    )
    .await;
    ask(connected.unwrap(), "SELECT 1").await;
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("TRACE"), "nothing was logged");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn a_program_is_told_of_a_wrong_password() {
    static NOTHING: segue::Embedded = segue::Embedded::new(&[]);
    let server = server().await;
    let url = format!("host=127.0.0.1 port={} dbname=app user=scram", server.port);
    let of = |password: &str| {
        let deployment = segue::Deployment::new(&NOTHING);
        deployment.database(format!("{url} password={password}"))
    };
    assert!(!format!("{:?}", of("hunter2")).contains("hunter2"));
    let error = of("hunter2").up().await.expect_err("an error");
    let place = format!("`127.0.0.1`, port {}", server.port);
    assert_eq!(
        error.to_string().replace(&place, "PLACE"),
        "cannot connect to database `app` as user `scram` at PLACE: \
         password authentication failed for user \"scram\" (SQLSTATE 28P01)\n\
         help: check user and password: connection string, `PGPASSWORD`, `~/.pgpass`"
    );
    assert!(!error.is_passing());
    assert_eq!(error.exit_status(), 4);
    assert!(of("secret").up().await.expect("ready").is_settled());
}
