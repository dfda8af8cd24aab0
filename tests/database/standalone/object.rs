//! What has a row of its own: made, dropped and changed once, although the
//! ledger did not hear of it.

use super::{Case, check};
use crate::support::{Server, TestSession};

/// Runs one statement whose end the ledger does not hear of, and takes it up.
#[track_caller]
fn once(case: &Case<'_>, name: &str, sql: &str, expected: &str) {
    case.project
        .file(name, &format!("-- segue: no-txn\n{sql};\n"));
    case.dies_before_the_mark();
    check(&case.up(), expected);
    check(&case.up(), "settled\n");
}

#[test]
fn databases() {
    let case = Case::new();
    let name = format!("{}_d", case.database.name());
    let done = |what: &str| {
        format!(
            "statement 1 of 1\nstatement 1 is done: database `{name}` {what} since an earlier try began\nsettled\n"
        )
    };
    let made = done("has been made");
    once(&case, "2.sql", &format!("CREATE DATABASE {name}"), &made);
    let gone = done("is gone");
    once(&case, "3.sql", &format!("DROP DATABASE {name}"), &gone);
}

#[test]
fn tablespaces() {
    let server = Server::start(&[("allow_in_place_tablespaces", "on")]);
    let case = Case::on(&server);
    let done = |what: &str| {
        format!(
            "statement 1 of 1\nstatement 1 is done: {what} since an earlier try began\nsettled\n"
        )
    };
    let made = done("tablespace `s` has been made");
    once(&case, "2.sql", "CREATE TABLESPACE s LOCATION ''", &made);
    case.database.run("CREATE DATABASE d");
    let moved = done("database `d` has been changed");
    once(&case, "3.sql", "ALTER DATABASE d SET TABLESPACE s", &moved);
    case.database.run("DROP DATABASE d");
    let gone = done("tablespace `s` is gone");
    once(&case, "4.sql", "DROP TABLESPACE s", &gone);
    // Twice does no harm.
    let again = "statement 1 of 1\nsettled\n";
    once(&case, "5.sql", "ALTER SYSTEM SET work_mem = '5MB'", again);
    assert_eq!(
        case.database
            .query("SELECT setting FROM pg_file_settings WHERE name = 'work_mem'"),
        "5MB"
    );
}

#[test]
fn subscriptions() {
    let publisher = Server::start(&[("wal_level", "logical")]);
    let remote = TestSession::connect(&publisher.url("postgres"));
    remote.run("CREATE PUBLICATION p");
    remote.run("CREATE PUBLICATION q");
    let case = Case::new();
    let name = case.database.name();
    let done = |what: &str| {
        format!(
            "statement 1 of 1\nstatement 1 is done: subscription `{name}` {what} since an earlier try began\nsettled\n"
        )
    };
    let sql = format!(
        "CREATE SUBSCRIPTION {name} CONNECTION '{}' PUBLICATION p",
        publisher.url("postgres")
    );
    once(&case, "2.sql", &sql, &done("has been made"));
    let sql = format!("ALTER SUBSCRIPTION {name} ADD PUBLICATION q");
    once(&case, "3.sql", &sql, &done("has been changed"));
    let sql = format!("ALTER SUBSCRIPTION {name} REFRESH PUBLICATION");
    once(&case, "4.sql", &sql, "statement 1 of 1\nsettled\n");
    let sql = format!("DROP SUBSCRIPTION {name}");
    once(&case, "5.sql", &sql, &done("is gone"));
    assert_eq!(
        remote.query("SELECT slot_name FROM pg_replication_slots"),
        ""
    );
}

/// The slot is made before the subscription is committed: a crash between the
/// two leaves it alone.
#[test]
fn a_slot_that_a_dead_try_has_left_on_the_publisher_is_named() {
    let publisher = Server::start(&[("wal_level", "logical")]);
    let remote = TestSession::connect(&publisher.url("postgres"));
    remote.run("CREATE PUBLICATION p");
    let case = Case::new();
    let name = case.database.name();
    case.standalone(&format!(
        "CREATE SUBSCRIPTION {name} CONNECTION '{}' PUBLICATION p;\n",
        publisher.url("postgres")
    ));
    // A slot waits for the transactions that run on the publisher.
    let writer = TestSession::connect(&publisher.url("postgres"));
    writer.run("BEGIN");
    writer.run("SELECT pg_current_xact_id()");
    let running = case.start();
    let pid = crate::support::wait_for("the slot", || {
        let slot = remote.query("SELECT 1 FROM pg_replication_slots");
        let pid = case.database.running("CREATE SUBSCRIPTION%");
        pid.filter(|_| !slot.is_empty())
    });
    running.kill();
    case.terminate(pid);
    writer.run("COMMIT");
    // As the crash of the subscriber leaves it.
    crate::support::wait_until("no slot", || {
        remote
            .query("SELECT 1 FROM pg_replication_slots")
            .is_empty()
    });
    remote.run(&format!(
        "SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')"
    ));
    let told = case.up();
    let told = told.replace(name, "s");
    let told: Vec<&str> = told
        .lines()
        .filter(|line| !line.contains("CONNECTION") && !line.contains("^^^"))
        .collect();
    check(
        &told.join("\n"),
        r#"
        statement 1 of 1
        error[server-error]: could not create replication slot "s": ERROR:  replication slot "s" already exists
          --> migrations/2-alone.sql:2:1
          |
          = note: subscription `s` is not there, but the interrupted try may have made its replication slot on the publisher, of the same name unless the statement gives another; it would keep the publisher's WAL for ever: there, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 's' AND NOT active;` removes it
          = note: SQLSTATE 08P01
        "#,
    );
    remote.run(&format!(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{name}' AND NOT active"
    ));
    check(&case.up(), "statement 1 of 1\nsettled\n");
}

/// It is the publisher that is not there: our own connection is alive.
#[test]
fn a_publisher_that_cannot_be_reached_is_no_lost_connection() {
    let case = Case::new();
    case.standalone(
        "CREATE SUBSCRIPTION s CONNECTION 'host=/nowhere dbname=postgres' PUBLICATION p;\n",
    );
    let told = case.up();
    let told: Vec<&str> = told
        .lines()
        .filter(|line| line.contains("statement 1 of") || line.contains("SQLSTATE"))
        .collect();
    assert_eq!(told, ["statement 1 of 1", "  = note: SQLSTATE 08006"]);
}
