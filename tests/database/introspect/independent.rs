//! What a snapshot does not depend on.

use segue::postgres::introspect::{self, Baseline};
use segue::schema::Snapshot;

use crate::support::{
    LibrarySession, TestDatabase, assert_same_snapshot, dump_and_restore, rich_schema, snapshot,
    wait_until,
};

#[test]
fn restoring_a_dump_changes_nothing() {
    let database = TestDatabase::new();
    rich_schema(&database);
    let restored = TestDatabase::new();
    if dump_and_restore(&database, &restored) {
        let after = snapshot(&restored.url());
        assert_same_snapshot("what was restored", &after, &snapshot(&database.url()));
    }
}

#[test]
fn a_role_that_may_only_connect_reads_the_same() {
    let database = TestDatabase::new();
    rich_schema(&database);
    let stranger = database.role("stranger", "LOGIN");
    let seen = snapshot(&database.url_as(&stranger));
    assert_same_snapshot("what a stranger sees", &seen, &snapshot(&database.url()));
}

#[test]
fn settings_of_role_and_database_change_nothing() {
    let database = TestDatabase::new();
    rich_schema(&database);
    let before = snapshot(&database.url());
    let odd = database.role("odd", "LOGIN");
    for (name, value) in [
        ("DateStyle", "'SQL, DMY'"),
        ("IntervalStyle", "iso_8601"),
        ("TimeZone", "'Asia/Tokyo'"),
        ("search_path", "app, public"),
        ("quote_all_identifiers", "on"),
        ("extra_float_digits", "-5"),
        ("bytea_output", "escape"),
        ("lc_monetary", "'C.UTF-8'"),
        ("standard_conforming_strings", "off"),
        ("default_transaction_isolation", "serializable"),
        ("enable_hashjoin", "off"),
        ("enable_sort", "off"),
    ] {
        database.run(&format!("ALTER ROLE {odd} SET {name} = {value}"));
    }
    let seen = snapshot(&database.url_as(&odd));
    assert_same_snapshot("what is seen under odd settings", &seen, &before);
}

/// The same things, made in another order and by other ways.
#[test]
fn the_order_in_which_things_are_made_changes_nothing() {
    let one = TestDatabase::new();
    one.run(
        "CREATE TABLE a (id int CONSTRAINT a_pkey PRIMARY KEY, x int, y varchar DEFAULT 'q');
         CREATE TABLE b (id int PRIMARY KEY, a int CONSTRAINT f REFERENCES a);
         CREATE INDEX i ON a (x);
         CREATE INDEX j ON a (y) WHERE y IN ('p', 'q');
         CREATE VIEW v AS SELECT 1 AS a;
         CREATE SEQUENCE s;
         GRANT SELECT ON a TO public;
         GRANT INSERT ON a TO public;
         ALTER TABLE a SET (fillfactor = 50, autovacuum_enabled = off);
         COMMENT ON TABLE a IS 'Why';",
    );
    let other = TestDatabase::new();
    other.run(
        "CREATE SEQUENCE s;
         CREATE VIEW v AS SELECT 1 AS a;
         CREATE TABLE gone (x int);
         CREATE TABLE b (id int, gone int, a int);
         CREATE TABLE a0 (id int, gone text, x0 int);
         ALTER TABLE a0 RENAME TO a;
         ALTER TABLE a RENAME x0 TO x;
         ALTER TABLE a ADD y varchar(3);
         ALTER TABLE a ALTER y TYPE varchar, ALTER y SET DEFAULT 'q', DROP gone;
         ALTER TABLE a SET (autovacuum_enabled = off), SET (fillfactor = 50);
         CREATE INDEX j ON a (y) WHERE y = ANY (ARRAY['p'::varchar, 'q'::varchar]::text[]);
         CREATE INDEX i0 ON a (x);
         ALTER INDEX i0 RENAME TO i;
         COMMENT ON TABLE a IS 'Another';
         COMMENT ON TABLE a IS 'Why';
         GRANT INSERT, SELECT, UPDATE ON a TO public;
         REVOKE UPDATE ON a FROM public;
         ALTER TABLE b DROP gone, ADD PRIMARY KEY (id);
         CREATE UNIQUE INDEX k ON a (id);
         ALTER TABLE a ADD CONSTRAINT a_pkey PRIMARY KEY USING INDEX k;
         ALTER TABLE b ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES a NOT VALID;
         ALTER TABLE b VALIDATE CONSTRAINT f;
         DROP TABLE gone;",
    );
    let other = snapshot(&other.url());
    assert_same_snapshot("what the other way makes", &other, &snapshot(&one.url()));
}

/// The transaction reads as of its beginning, what renders looks at the present.
#[test]
fn what_is_dropped_while_it_is_read_is_not_there() {
    let database = TestDatabase::new();
    database.run(
        "CREATE TABLE kept (x integer); CREATE TABLE gone (x integer CHECK (x > 0)); \
         CREATE VIEW of_gone AS SELECT x FROM gone WHERE x > 1",
    );
    let url = database.url();
    let library = LibrarySession::connect(&url);
    let kept = |snapshot: Snapshot| {
        let names = snapshot
            .objects
            .into_keys()
            .filter(|id| id.namespace.is_some());
        names.map(|id| id.to_string()).collect::<Vec<_>>()
    };
    let read = |ways: &dyn Fn() -> Snapshot| {
        let dropping = database.session();
        dropping.run("BEGIN; DROP TABLE gone CASCADE");
        let waits = database.session();
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| {
                wait_until("the reader waits", || {
                    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = \
                        (SELECT oid FROM pg_database WHERE datname = current_database())";
                    waits.query(waiting) == "1"
                });
                dropping.run("COMMIT");
            });
            ways()
        });
        assert_eq!(kept(ended), ["table public.kept"]);
        database.run(
            "CREATE TABLE gone (x integer CHECK (x > 0)); \
             CREATE VIEW of_gone AS SELECT x FROM gone WHERE x > 1",
        );
    };
    read(&|| library.run(introspect::read).snapshot);
    read(&|| library.run(Baseline::read).reading.snapshot);
    read(&|| {
        library.run(async |session| {
            session.execute("BEGIN").await?;
            let reading = introspect::read_within(session).await;
            session.execute("COMMIT").await?;
            Ok(reading?.snapshot)
        })
    });
}
