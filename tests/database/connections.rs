//! `connection`: migrations on a connection of their own.

use crate::support::{Project, TestDatabase};

/// Two databases: the folder's, and another one.
fn two() -> (TestDatabase<'static>, TestDatabase<'static>, Project) {
    let (database, other) = (TestDatabase::new(), TestDatabase::new());
    let mut project = Project::deploying(&database);
    project.env("OTHER", other.url());
    project
        .redact(other.name(), "[other]")
        .redact(r"\]:\d+", "]:[port]");
    (database, other, project)
}

const ON_OTHER: &str = "-- segue: env-vars: OTHER\n-- segue: connection: ${OTHER}\n";

#[test]
fn each_migration_runs_where_it_says() {
    let (database, other, mut project) = two();
    let config: tokio_postgres::Config = other.url().parse().expect("a URL");
    let socket = match &config.get_hosts()[0] {
        tokio_postgres::config::Host::Unix(folder) => folder.display().to_string(),
        tokio_postgres::config::Host::Tcp(host) => host.clone(),
    };
    let port = config
        .get_ports()
        .first()
        .copied()
        .unwrap_or(5432)
        .to_string();
    project
        .env("SOCKET", socket)
        .env("PORT", port)
        .env("NAME", other.name())
        .env("PASSWORD", "open sesame");
    project.file("1.sql", "CREATE TABLE here (a int);\n");
    let log = "INSERT INTO log VALUES (pg_backend_pid(), txid_current());\n";
    project.file(
        "2.sql",
        &format!("{ON_OTHER}CREATE TABLE log (pid int, transaction bigint);\n{log}"),
    );
    project.file("3.sql", &format!("{ON_OTHER}{log}"));
    project.file(
        "4.sql",
        "-- codd: no-txn\n-- codd-env-vars: SOCKET, PORT, NAME, PASSWORD\n\
         -- codd-connection: host=${SOCKET} port = ${PORT} dbname=${NAME} user=postgres password='${PASSWORD}' connect_timeout=10\n\
         CREATE INDEX CONCURRENTLY i ON log (pid);\nVACUUM log;\n",
    );
    project.file("5.sql", &format!("{ON_OTHER}{log}"));
    project.file("6.sql", "CREATE TABLE here_too (a int);\n");
    let plan = project.segue(&["plan"]);
    plan.expect(
        "
        Project `main`: 6 migrations pending.

        Batch
          1. one transaction
               1.sql
          2. one transaction, 2 migrations, in database `[other]` as user `postgres` at [socket]:[port]
               2.sql (takes OTHER)
               3.sql (takes OTHER)
          3. outside a transaction, in database `[other]` as user `postgres` at [socket]:[port]
               4.sql (takes NAME, PASSWORD, PORT, SOCKET)
          4. one transaction, in database `[other]` as user `postgres` at [socket]:[port]
               5.sql (takes OTHER)
          5. one transaction
               6.sql

        Ready by the COMMIT of step 5.

        The schema is not verified: there is no expected schema.
        ",
        "",
        0,
    );
    let up = project.segue(&["up", "--verbose"]);
    up.expect_success();
    assert!(!format!("{up:?}{plan:?}").contains("sesame"));
    project.has_nothing_to_do();
    assert_eq!(
        database.query("SELECT relname FROM pg_class WHERE relname LIKE 'here%' ORDER BY 1"),
        "here\nhere_too"
    );
    // One connection for equal strings, one transaction for neighbours.
    assert_eq!(
        other.query("SELECT count(*), count(DISTINCT pid), count(DISTINCT transaction) FROM log"),
        "3|1|2"
    );
    assert_eq!(
        other.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"),
        "t"
    );
    assert_eq!(
        database.query(
            "SELECT file, kind, state, deployment, statements FROM segue.migration ORDER BY file"
        ),
        "1.sql|batch|applied|1|1\n2.sql|batch|applied|1|2\n3.sql|batch|applied|1|1\n\
         4.sql|standalone|applied|1|2\n5.sql|batch|applied|1|1\n6.sql|batch|applied|1|1"
    );
    assert_eq!(other.query("SELECT count(*) FROM segue.migration"), "0");
    assert_eq!(other.query("SELECT count(*) FROM segue.intent"), "0");
}

#[test]
fn a_lost_connection_repeats_nothing() {
    let (database, other, project) = two();
    other.run("CREATE SEQUENCE tries; CREATE TABLE counter (a int)");
    let dies_once = "SELECT CASE WHEN nextval('tries') % 2 = 1 THEN pg_terminate_backend(pg_backend_pid()) END;\n";
    let count = "INSERT INTO counter VALUES (1);\n";
    project.file("1.sql", &format!("{ON_OTHER}{count}{dies_once}{count}"));
    project.file(
        "2.sql",
        &format!("{ON_OTHER}-- segue: no-txn\n{count}{dies_once}{count}"),
    );
    project.segue(&["up"]).expect_success();
    assert_eq!(other.query("SELECT count(*) FROM counter"), "4");
    assert_eq!(
        database.query("SELECT file, state FROM segue.migration ORDER BY file"),
        "1.sql|applied\n2.sql|applied"
    );
}

/// As if a run that has applied `1.sql` had died between the two ledgers.
fn leave_behind(database: &TestDatabase<'_>, other: &TestDatabase<'_>) {
    let row = "project, file, checksum, kind, state, statements, began_at, ended_at, duration";
    let values = database.query(&format!(
        "SELECT format('(%L, %L, %L, %L, %L, %L, %L, %L, %L)', project || ' of ' || current_database(), file, checksum, kind, state, statements, began_at, ended_at, duration) FROM (SELECT {row} FROM segue.migration) AS m"
    ));
    other.run(&format!(
        "INSERT INTO segue.migration ({row}) VALUES {values}"
    ));
    database.run("DELETE FROM segue.migration");
}

#[test]
fn a_row_that_was_left_behind_is_taken_over() {
    let (database, other, project) = two();
    project.file("1.sql", &format!("{ON_OTHER}CREATE TABLE a (id int);\n"));
    project.segue(&["up"]).expect_success();
    let times = "SELECT began_at, ended_at, duration FROM segue.migration";
    let before = database.query(times);
    leave_behind(&database, &other);
    project.segue(&["up"]).expect_success();
    assert_eq!(database.query(times), before);
    assert_eq!(other.query("SELECT count(*) FROM segue.migration"), "0");
}

/// Found under no name of the folder, it would run again.
#[test]
fn a_row_that_was_left_behind_follows_its_renamed_file() {
    let (database, other, project) = two();
    let text = format!("{ON_OTHER}CREATE TABLE a (id int);\n");
    project.file("1.sql", &text);
    project.segue(&["up"]).expect_success();
    leave_behind(&database, &other);
    std::fs::remove_file(project.path().join("migrations/1.sql")).expect("removed");
    project.file("2.sql", &text);
    // A copy is a new migration, wherever the first one's row is.
    project.file("3.sql", &text.replace("TABLE a", "TABLE b"));
    project.segue(&["up"]).expect(
        "",
        "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
            Repaired `2.sql`: its row in database `[other]` as user `postgres` at [socket]:[port] has its new name: it was `1.sql` when it ran
        Planned anew 1 migration in one transaction
                 Ran `3.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)
        ",
        0,
    );
    assert_eq!(
        database.query("SELECT file, state, deployment FROM segue.migration ORDER BY file"),
        "2.sql|applied|\n3.sql|applied|2"
    );
    assert_eq!(other.query("SELECT count(*) FROM segue.migration"), "0");
    project.has_nothing_to_do();
}

/// What it has done is not done again under its new name.
#[test]
fn a_half_done_file_goes_on_under_its_new_name() {
    let (database, other, project) = two();
    let text = |end: &str| {
        format!("{ON_OTHER}-- segue: no-txn\nCREATE TABLE a (id int);\n{end}VACUUM a;\n")
    };
    other.run("CREATE TABLE fails (a int PRIMARY KEY); INSERT INTO fails VALUES (1)");
    let text = text("INSERT INTO fails VALUES (1);\n");
    project.file("1.sql", &text);
    assert_eq!(project.segue(&["up"]).status, 4);
    other.run("DELETE FROM fails");
    std::fs::remove_file(project.path().join("migrations/1.sql")).expect("removed");
    project.file("2.sql", &text);
    project.segue(&["up"]).expect_success();
    assert_eq!(
        database.query("SELECT file, state, statements FROM segue.migration ORDER BY file"),
        "2.sql|applied|3"
    );
    assert_eq!(other.query("SELECT count(*) FROM fails"), "1");
    assert_eq!(other.query("SELECT count(*) FROM segue.migration"), "0");
    project.has_nothing_to_do();
}

/// A row of a file that is gone belongs to the folder's own ledger all the
/// same.
#[test]
fn a_row_that_was_left_behind_by_a_file_that_is_gone_is_taken_over() {
    let (database, other, project) = two();
    project.file("1.sql", &format!("{ON_OTHER}CREATE TABLE a (id int);\n"));
    project.segue(&["up"]).expect_success();
    leave_behind(&database, &other);
    std::fs::remove_file(project.path().join("migrations/1.sql")).expect("removed");
    project.file("2.sql", &format!("{ON_OTHER}CREATE TABLE b (id int);\n"));
    project.segue(&["up"]).expect_success();
    assert_eq!(
        database.query("SELECT file, state FROM segue.migration ORDER BY file"),
        "1.sql|applied\n2.sql|applied"
    );
    assert_eq!(other.query("SELECT count(*) FROM segue.migration"), "0");
}

#[test]
fn an_error_there_is_told_and_nothing_is_recorded() {
    let (database, other, project) = two();
    project.file("1.sql", "CREATE TABLE a (id int);\n");
    project.file(
        "2.sql",
        &format!("{ON_OTHER}CREATE TABLE b (id int);\nSELECT nothing;\n"),
    );
    project.segue(&["up"]).expect(
        "",
        "
             Planned 2 migrations in 2 transactions
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
                 Ran `1.sql`, 1 statement in [t]
           Committed 1 migration in [t]
        error[server-error]: column \"nothing\" does not exist
          --> migrations/2.sql:4:8
          |
        4 | SELECT nothing;
          |        ^^^^^^^
          = note: SQLSTATE 42703
        note: committed before this: `1.sql`
        help: correct the migration, then `segue up` goes on after what is committed
        ",
        4,
    );
    assert_eq!(other.query("SELECT to_regclass('b')"), "");
    assert_eq!(other.query("SELECT count(*) FROM segue.migration"), "0");
    assert_eq!(
        database.query("SELECT file, state FROM segue.migration ORDER BY file"),
        "1.sql|applied"
    );
    project.file("2.sql", &format!("{ON_OTHER}CREATE TABLE b (id int);\n"));
    project.segue(&["up"]).expect_success();
}

#[test]
fn another_role_in_the_same_database_writes_the_same_ledger() {
    let database = TestDatabase::new();
    let role = database.role("deploy", "LOGIN");
    database.run(&format!(
        "GRANT CREATE ON DATABASE {} TO {role}",
        database.name()
    ));
    let mut project = Project::deploying(&database);
    project
        .env("DATABASE_URL", database.url_as(&role))
        .env("SUPER", database.url());
    project.file("1.sql", "CREATE SCHEMA app;\n");
    project.file(
        "2.sql",
        "-- segue: env-vars: SUPER\n-- segue: connection: ${SUPER}\nCREATE TABLE app.by_whom AS SELECT current_user::text AS name;\n",
    );
    project.file(
        "3.sql",
        "-- segue: no-txn\n-- segue: env-vars: SUPER\n-- segue: connection: ${SUPER}\nVACUUM app.by_whom;\n",
    );
    project.segue(&["up"]).expect_success();
    project.has_nothing_to_do();
    assert_eq!(
        database.query("SELECT file, deployment FROM segue.migration ORDER BY file"),
        "1.sql|1\n2.sql|1\n3.sql|1"
    );
    assert_eq!(database.query("SELECT name FROM app.by_whom"), "postgres");
    database.run(&format!("DROP OWNED BY {role} CASCADE"));
}

#[test]
fn where_nothing_can_be_recorded_only_what_may_run_twice_runs() {
    let (database, other, mut project) = two();
    let role = database.role("reader", "LOGIN");
    project.env("OTHER", other.url_as(&role));
    project.file("1.sql", &format!("{ON_OTHER}SELECT 1;\n"));
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error: `1.sql` runs in database `[other]` as user `[database]_reader` at [socket]:[port], where segue cannot keep its ledger: after a crash nobody could tell whether it has run
        help: let that role create namespaces there (`GRANT CREATE ON DATABASE [other] TO [database]_reader`), or write `-- segue: rerunnable` into the file if it may run twice; a file of nothing but `CREATE DATABASE` needs neither
        ",
        2,
    );
    project.file(
        "1.sql",
        &format!("{ON_OTHER}-- segue: rerunnable\nSELECT 1;\n"),
    );
    project.segue(&["up"]).expect_success();
    assert_eq!(
        database.query("SELECT file, state, deployment FROM segue.migration"),
        "1.sql|applied|2"
    );
}

#[test]
fn on_a_server_of_segues_own_no_other_one_is_reached() {
    let mut project = Project::throwaway();
    project.redact(r"after \d+ms|in \d+ms|\d+(\.\d+)?s\b", "[t]");
    project.file(
        "1.sql",
        "-- segue: no-txn\n-- segue: connection: postgres://admin:secret@192.0.2.1/postgres?connect_timeout=1\n\
         CREATE ROLE app;\nCREATE DATABASE app OWNER app;\n",
    );
    project.file(
        "2.sql",
        "-- segue: connection: postgres://admin@192.0.2.1/app\nALTER SCHEMA public OWNER TO app;\n",
    );
    project.file("3.sql", "CREATE TABLE a (id int);\n");
    let up = project.segue(&["up", "--throwaway"]);
    up.expect_success();
    assert!(
        up.stderr
            .contains("statement 2 of `1.sql`: databases are those of real servers"),
        "{}",
        up.stderr
    );
}

#[test]
fn the_isolation_level_is_the_users() {
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    let seen = "AS SELECT current_setting('transaction_isolation') AS level, current_setting('transaction_read_only') AS is_read_only;\n";
    database.run(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name()
    ));
    project.write("segue.toml", "[up]\nisolation = \"serializable\"\n");
    project.file("1.sql", &format!("CREATE TABLE a {seen}"));
    project.file("2.sql", &format!("-- segue: no-txn\nCREATE TABLE b {seen}"));
    project.file(
        "3.sql",
        &format!("SET default_transaction_read_only = on;\nCREATE TABLE c {seen}"),
    );
    project.segue(&["up"]).expect_success();
    project.write("segue.toml", "");
    project.env("CODD_TXN_ISOLATION", "repeatable read");
    project.file("4.sql", &format!("CREATE TABLE d {seen}"));
    let up = project.segue(&["up"]);
    up.expect_success();
    assert!(
        up.stderr
            .contains("the isolation level is that of CODD_TXN_ISOLATION"),
        "{}",
        up.stderr
    );
    assert_eq!(
        database.query("TABLE a UNION ALL TABLE b UNION ALL TABLE c UNION ALL TABLE d"),
        "serializable|off\nserializable|off\nserializable|off\nrepeatable read|off"
    );
    project.env("CODD_TXN_ISOLATION", "chaos");
    assert_eq!(project.segue(&["up"]).status, 2);
}

/// There as well nobody queues while it is known to be in vain.
#[test]
fn who_is_in_the_way_there_is_named_and_waited_for() {
    let (database, other, mut project) = two();
    project.redact(r"_backend\(\d+\)", "_backend([pid])");
    other.run("CREATE TABLE t (a int)");
    let reader = other.session();
    reader.run("SET application_name = 'shop'");
    reader.run("BEGIN");
    reader.run("SELECT * FROM t");
    project.file(
        "1.sql",
        &format!("{ON_OTHER}ALTER TABLE t ADD COLUMN b int;\n"),
    );
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting");
    reader.run("COMMIT");
    run.wait().expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `1.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: SELECT * FROM t
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
                 Ran `1.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)
        ",
        0,
    );
    assert_eq!(
        database.query("SELECT state FROM segue.migration"),
        "applied"
    );
}
