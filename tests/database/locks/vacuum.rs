//! Autovacuum in the way: it gives way only to those who wait for longer than
//! `deadlock_timeout`, which a try of 50 ms never does.

use crate::support::{Project, Server, TestDatabase, wait_until};

/// A server whose autovacuum works on table `t` for minutes.
fn vacuuming(database: &TestDatabase<'_>, options: &str, phase: &str) {
    database.run(&format!(
        "CREATE TABLE t (a int) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
             autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1{options})"
    ));
    database.run("INSERT INTO t SELECT generate_series(1, 200000)");
    database.run("DELETE FROM t WHERE a % 2 = 0");
    wait_until("autovacuum works on the table", || {
        database.query(&format!(
            "SELECT 1 FROM pg_stat_progress_vacuum v JOIN pg_stat_activity a USING (pid) \
             WHERE v.relid = 't'::regclass AND v.phase LIKE '%heap%' AND a.query LIKE '{phase}'"
        )) == "1"
    });
}

#[test]
fn autovacuum_gives_way() {
    let server = Server::start(&[("autovacuum_naptime", "1s")]);
    let database = TestDatabase::on(&server);
    let project = Project::deploying(&database);
    vacuuming(&database, "", "autovacuum: VACUUM%");
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    project
        .segue(&["up", "--retry-for", "20s"])
        .expect_success();
    assert_eq!(database.query("SELECT count(*) FROM segue.migration"), "1");
}

/// Who else is in the way at first must not keep it from being asked.
#[test]
fn autovacuum_gives_way_once_nobody_else_is_in_the_way() {
    let server = Server::start(&[("autovacuum_naptime", "1s")]);
    let database = TestDatabase::on(&server);
    let project = Project::deploying(&database);
    vacuuming(&database, "", "autovacuum: VACUUM%");
    let reader = database.session();
    reader.run("BEGIN");
    reader.run("SELECT count(*) FROM t");
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let run = project.spawn(&["up", "--retry-for", "20s"]);
    run.wait_for_stderr("Waiting");
    reader.run("COMMIT");
    run.wait().expect_success();
    assert_eq!(database.query("SELECT count(*) FROM segue.migration"), "1");
}

#[test]
fn a_vacuum_against_wraparound_is_named_and_left_alone() {
    let server = Server::start(&[("autovacuum_naptime", "1s"), ("synchronous_commit", "off")]);
    let database = TestDatabase::on(&server);
    let mut project = Project::deploying(&database);
    project.redact("VACUUM ANALYZE", "VACUUM");
    let ages = database.session();
    ages.run("CREATE TABLE old (a int) WITH (autovacuum_enabled = false)");
    // A table older than this is vacuumed whatever it costs.
    ages.run(
        "DO $$ BEGIN FOR i IN 1..100100 LOOP PERFORM pg_catalog.pg_current_xact_id(); COMMIT; END LOOP; END $$",
    );
    ages.run("ALTER TABLE old RENAME TO t");
    ages.run("INSERT INTO t SELECT generate_series(1, 200000)");
    ages.run(
        "ALTER TABLE t SET (autovacuum_freeze_max_age = 100000, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)",
    );
    wait_until("autovacuum works on the table", || {
        ages.query(
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'autovacuum: VACUUM %public.t (to prevent wraparound)'",
        ) == "1"
    });
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    project.segue(&["up", "--retry-for", "5s"]).expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `1.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (`autovacuum worker`), active for [t]: autovacuum: VACUUM public.t (to prevent wraparound)
                     a vacuum against wraparound, which gives way to nobody and is best left to end; `SELECT pg_cancel_backend([pid])` stops it until autovacuum comes again
        error: gave up after [t] while waiting for a lock on `t`, held by pid [pid] (`autovacuum worker`), active for [t]: autovacuum: VACUUM public.t (to prevent wraparound)
        note: pid [pid]: a vacuum against wraparound, which gives way to nobody and is best left to end; `SELECT pg_cancel_backend([pid])` stops it until autovacuum comes again
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--retry-for` sets how long to wait

        ",
        5,
    );
}
