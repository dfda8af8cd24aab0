//! Vacuums of the table.

use segue::backfill::throttle::Vacuum;

use super::{Eye, all};
use crate::support::{Server, TestDatabase, TestSession, wait_until};

/// A vacuum that takes its time.
fn vacuum(session: &TestSession, table: &str) -> crate::support::Pending {
    session.run("SET vacuum_cost_delay = '100ms'");
    session.run("SET vacuum_cost_limit = 1");
    session.start(&format!("VACUUM {table}"))
}

fn plain(relation: &str) -> Vec<Vacuum> {
    vec![Vacuum {
        relation: relation.to_owned(),
        is_to_prevent_wraparound: false,
    }]
}

#[test]
fn of_the_table_alone() {
    let database = TestDatabase::new();
    database.run(
        "CREATE TABLE t (a int); CREATE TABLE u (a int); \
         INSERT INTO t SELECT generate_series(1, 50000); INSERT INTO u SELECT generate_series(1, 50000)",
    );
    let (first, second) = (database.session(), database.session());
    let (of_t, of_u) = (
        Eye::new(&database.url(), "t", 1),
        Eye::new(&database.url(), "u", 1),
    );
    let running = vacuum(&first, "t");
    wait_until("a vacuum of t", || of_t.look(&all()).vacuums == plain("t"));
    assert_eq!(of_u.look(&all()).vacuums, []);
    // Somebody else's, as a role without rights may not know.
    let also = vacuum(&second, "u");
    wait_until("a vacuum of u", || of_u.look(&all()).vacuums == plain("u"));
    first.cancel();
    running.wait().expect_err("cancelled");
    assert_eq!(of_t.look(&all()).vacuums, []);
    second.cancel();
    also.wait().expect_err("cancelled");
}

#[test]
fn of_a_partition_and_of_what_is_stored_beside_it() {
    let database = TestDatabase::new();
    database.run(
        "CREATE TABLE t (a int, b text) PARTITION BY RANGE (a); \
         CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (100000) PARTITION BY RANGE (a); \
         CREATE TABLE t11 PARTITION OF t1 DEFAULT; ALTER TABLE t11 ALTER b SET STORAGE EXTERNAL; \
         INSERT INTO t SELECT i, repeat('x', 9000) FROM generate_series(1, 400) AS i",
    );
    let vacuuming = database.session();
    let (of_t, of_leaf) = (
        Eye::new(&database.url(), "t", 1),
        Eye::new(&database.url(), "t11", 1),
    );
    let toast =
        database.query("SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 't11'");
    let running = vacuum(&vacuuming, &toast);
    wait_until("a vacuum", || of_t.look(&all()).vacuums == plain("t11"));
    assert_eq!(of_leaf.look(&all()).vacuums, plain("t11"));
    vacuuming.cancel();
    running.wait().expect_err("cancelled");
}

/// With and without the rights to see what it is for.
#[test]
fn by_autovacuum_against_wraparound() {
    let server = Server::start(&[
        ("autovacuum", "on"),
        ("autovacuum_naptime", "1s"),
        ("autovacuum_freeze_max_age", "100000"),
        ("autovacuum_vacuum_cost_delay", "0"),
    ]);
    let database = TestDatabase::on(&server);
    let weak = database.role("weak", "LOGIN");
    database.run(
        "CREATE TABLE t (a int) WITH (autovacuum_enabled = false, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1); INSERT INTO t SELECT generate_series(1, 50000); \
         CREATE UNLOGGED TABLE burnt (a int) WITH (autovacuum_enabled = false)",
    );
    // Each subtransaction that writes takes an id.
    database.run(
        "DO $$ BEGIN FOR i IN 1..110000 LOOP BEGIN INSERT INTO burnt VALUES (i); EXCEPTION WHEN division_by_zero THEN END; END LOOP; END $$",
    );
    let eye = Eye::new(&database.url(), "t", 1);
    let expected = [Vacuum {
        relation: "t".to_owned(),
        is_to_prevent_wraparound: true,
    }];
    wait_until("autovacuum", || eye.look(&all()).vacuums == expected);
    let eye = Eye::new(&database.url_as(&weak), "t", 1);
    assert_eq!(eye.look(&all()).vacuums, plain("t"));
}
