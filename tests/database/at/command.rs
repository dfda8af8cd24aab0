//! The command: its surroundings, its end, and what it leaves.

use nix::sys::signal::Signal;

use super::{Place, psql};
use crate::support::wait_until;

fn one() -> Place {
    let place = Place::new();
    place.project.file("1.sql", "CREATE TABLE t ();\n");
    place
}

#[test]
fn it_finds_this_database_and_no_other() {
    let mut place = one();
    // Whoever has these set must not reach what they name.
    for name in [
        "SEGUE_DATABASE_URL",
        "SEGUE_DIRECT_URL",
        "SEGUE_DEV_DATABASE_URL",
    ] {
        place
            .project
            .env(name, "postgres://nobody@production.invalid/shop");
    }
    for (name, value) in [
        ("PGSERVICE", "production"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGSSLMODE", "verify-full"),
    ] {
        place.project.env(name, value);
    }
    let say = "echo \"$SEGUE_STATE $DATABASE_URL $SEGUE_DATABASE_URL ${SEGUE_DIRECT_URL-none}\"; env | grep ^PG | sort; psql -XAtc 'SELECT current_database()' \"$DATABASE_URL\"; psql -XAtc 'SELECT current_database()'";
    let run = place.at("latest", &["sh", "-c", say]);
    run.expect(
        "
        1.sql postgresql://postgres@[server]%2Fsocket:5432/[database] postgresql://postgres@[server]%2Fsocket:5432/[database] none
        PGDATABASE=[database]
        PGHOST=[server]/socket
        PGPORT=5432
        PGUSER=postgres
        [database]
        [database]
        ",
        "    Visiting 1.sql\n",
        0,
    );
}

#[test]
fn its_end_is_that_of_segue() {
    let place = one();
    for (command, status) in [
        (vec!["sh", "-c", "exit 42"], 42),
        (vec!["sh", "-c", "kill -9 $$"], 137),
        (vec!["sh", "-c", "exit 3"], 3),
    ] {
        place
            .at("1", &command)
            .expect("", "    Visiting 1.sql\n", status);
    }
    place.at("1", &["segue-no-such-command"]).expect(
        "",
        "
            Visiting 1.sql
        error: cannot run `segue-no-such-command`: No such file or directory (os error 2)
        ",
        127,
    );
    place.at("1", &["/"]).expect(
        "",
        "
            Visiting 1.sql
        error: cannot run `/`: Permission denied (os error 13)
        ",
        126,
    );
}

#[test]
fn sessions_that_it_leaves_are_ended() {
    let place = one();
    let leave = "psql -XAtqc 'BEGIN' -c 'LOCK t' -c 'SELECT pg_sleep(600)' >left 2>&1 & until psql -XAtc \"SELECT 'there' FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock'\" | grep there; do :; done";
    let run = place.at("1", &["sh", "-c", leave]);
    run.expect("there\n", "    Visiting 1.sql\n", 0);
    wait_until("the session's end", || {
        place
            .project
            .read("left")
            .contains("terminating connection")
    });
    assert_eq!(place.query("1", &["SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND granted AND mode = 'AccessExclusiveLock'"]), "0\n");
}

#[test]
fn signals_are_passed_on() {
    let place = one();
    for (signal, name, status) in [
        (Signal::SIGTERM, "TERM", 7),
        (Signal::SIGINT, "INT", 7),
        (Signal::SIGHUP, "HUP", 7),
    ] {
        let wait = format!("trap 'exit 7' {name}; echo waits; while :; do sleep 0.05; done");
        let run = place.project.spawn(&["at", "1", "--", "sh", "-c", &wait]);
        run.wait_for_stdout("waits");
        run.signal(signal);
        run.wait().expect("waits\n", "    Visiting 1.sql\n", status);
    }
}

#[test]
fn roles_databases_and_settings_that_it_leaves_are_gone_afterwards() {
    let place = one();
    let look = [
        "SELECT count(*) FROM pg_roles WHERE rolname = 'left \"it\"'",
        "SELECT count(*) FROM pg_database WHERE datname = 'left'",
        "SHOW work_mem",
        "SELECT count(*) FROM pg_database WHERE datname ~ '^segue_state'",
    ];
    place
        .at(
            "1",
            &psql(&[
                "CREATE ROLE \"left \"\"it\"\"\"",
                "CREATE DATABASE \"left\"",
                "ALTER SYSTEM SET work_mem = '77MB'",
                "GRANT SELECT ON t TO \"left \"\"it\"\"\"",
            ]),
        )
        .expect_success();
    assert_eq!(place.query("1", &look), "0\n0\n4MB\n1\n");
    // What cannot be put right by dropping a role makes all of it anew.
    place
        .at(
            "1",
            &psql(&[
                "ALTER ROLE postgres CONNECTION LIMIT 77",
                "ALTER ROLE postgres SET work_mem = '77MB'",
            ]),
        )
        .expect_success();
    assert_eq!(place.query("1", &look), "0\n0\n4MB\n1\n");
}
