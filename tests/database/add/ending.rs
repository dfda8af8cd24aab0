//! `end-concurrent-migration`, written where it is needed.

use super::Case;

/// A table, and an index in the tail; the index's name.
fn story(case: &Case) -> String {
    let table = case.added("create-t.sql", "CREATE TABLE t (a int, b int);\n");
    case.added(
        "index.sql",
        &format!(
            "-- segue: begin-concurrent-migration-with: {table}\nCREATE INDEX CONCURRENTLY i ON t (a);\n"
        ),
    )
}

#[test]
fn a_change_of_what_a_concurrent_one_makes_ends_it() {
    let mut case = Case::new();
    case.project
        .redact(r"since deployment \d+", "since deployment N");
    let index = story(&case);
    case.file("rename.sql", "-- why\r\nALTER INDEX i RENAME TO j;\r\n");
    case.add(&["rename.sql"]).expect(
        "",
        "
               Named `migrations/[time]-rename.sql`
             Applied it to the development database, in [duration]
               Wrote `end-concurrent-migration: [time]-index.sql` into its header:
                     it changes index `i` of table public.t, as that one does
             Updated `expected-schema/pgNN`, 1 file
        ",
        0,
    );
    assert_eq!(
        case.text("rename.sql"),
        format!(
            "-- segue: end-concurrent-migration: {index}\r\n-- why\r\nALTER INDEX i RENAME TO j;\r\n"
        )
    );
    // The ledger has the text with the line.
    case.expect_up_to_date();
    // Ended once, it is not open any more.
    case.added("rename-again.sql", "ALTER INDEX j RENAME TO i;\n");
    assert_eq!(
        case.text("rename-again.sql"),
        "ALTER INDEX j RENAME TO i;\n"
    );
}

#[test]
fn what_a_concurrent_one_makes_and_this_one_uses_ends_it() {
    let case = Case::new();
    let index = story(&case);
    case.file(
        "cluster.sql",
        "-- codd: no-txn\nREINDEX INDEX CONCURRENTLY i;\n",
    );
    case.add(&["cluster.sql"]).expect(
        "",
        "
             Running `[time]-cluster.sql` outside a transaction (pid [pid])
               Named `migrations/[time]-cluster.sql`
             Applied it to the development database, in [duration]
               Wrote `end-concurrent-migration: [time]-index.sql` into its header:
                     it uses `i`, which that one makes
           Unchanged `expected-schema/pgNN`
        ",
        0,
    );
    assert_eq!(
        case.text("cluster.sql"),
        format!(
            "-- codd: no-txn\n-- segue: end-concurrent-migration: {index}\nREINDEX INDEX CONCURRENTLY i;\n"
        )
    );
}

#[test]
fn another_change_of_the_same_table_ends_nothing() {
    let case = Case::new();
    story(&case);
    let text = "ALTER TABLE t ADD COLUMN c int;\n";
    case.added("add-c.sql", text);
    assert_eq!(case.text("add-c.sql"), text);
}

#[test]
fn one_that_names_it_already_is_left_as_it_is() {
    let case = Case::new();
    let index = story(&case);
    let text = format!("-- segue: end-concurrent-migration: {index}\nDROP TABLE t;\n");
    case.added("drop.sql", &text);
    assert_eq!(case.text("drop.sql"), text);
}

#[test]
fn a_fresh_database_goes_through_what_was_added() {
    let mut case = Case::new();
    story(&case);
    case.added("rename.sql", "ALTER INDEX i RENAME TO j;\n");
    let fresh = crate::support::TestDatabase::new();
    case.project.env("DATABASE_URL", fresh.url());
    case.project.segue(&["up"]).expect_success();
    let indexes = "SELECT indexname FROM pg_indexes WHERE tablename = 't'";
    assert_eq!(fresh.query(indexes), "j");
}

#[test]
fn columns_of_what_was_a_partition_end_its_detaching() {
    let case = Case::new();
    let tables = case.added(
        "p.sql",
        "CREATE TABLE p (a int) PARTITION BY RANGE (a);\nCREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);\n",
    );
    let detach = case.added(
        "detach.sql",
        &format!(
            "-- segue: begin-concurrent-migration-with: {tables}\nALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;\n"
        ),
    );
    // An index of a partition would do as well before.
    case.added("index.sql", "CREATE INDEX p1_a ON p1 (a);\n");
    assert_eq!(case.text("index.sql"), "CREATE INDEX p1_a ON p1 (a);\n");
    case.file("add-b.sql", "ALTER TABLE p1 ADD COLUMN b int;\n");
    case.add(&["add-b.sql"]).expect(
        "",
        "
               Named `migrations/[time]-add-b.sql`
             Applied it to the development database, in [duration]
               Wrote `end-concurrent-migration: [time]-detach.sql` into its header:
                     it changes table public.p1, as that one does
             Updated `expected-schema/pgNN`, 1 file
        ",
        0,
    );
    let ends = format!("-- segue: end-concurrent-migration: {detach}\n");
    assert!(case.text("add-b.sql").starts_with(&ends));
}

/// A table, and a backfill of a column that is kept in sync; the backfill's
/// name.
fn backfill(case: &Case) -> String {
    case.added(
        "person.sql",
        "CREATE TABLE person (id bigint PRIMARY KEY, mail text, nick text);\n",
    );
    let add = case.added(
        "add-mail-lower.sql",
        "ALTER TABLE person ADD COLUMN mail_lower text;\nSELECT segue.keep_in_sync('person', 'mail_lower', 'lower(mail)');\n",
    );
    case.added(
        "fill.sql",
        &format!(
            "-- segue: begin-concurrent-migration-with: {add}\n-- segue: backfill: person by id\nUPDATE person SET mail_lower = lower(mail) WHERE id > :lower AND id <= :upper;\n"
        ),
    )
}

#[test]
fn what_relies_on_a_backfill_ends_it() {
    let case = Case::new();
    let fill = backfill(&case);
    // Other columns of the same table, and rows of before, are not its business.
    for (name, text) in [
        (
            "nick.sql",
            "ALTER TABLE person ALTER nick SET NOT NULL, ADD CHECK (nick <> '');\nUPDATE person SET nick = 'x' WHERE nick = '';\n",
        ),
        (
            "later.sql",
            "ALTER TABLE person ADD CONSTRAINT filled CHECK (mail_lower IS NOT NULL AND mail_lower = lower(mail)) NOT VALID;\n",
        ),
        ("row.sql", "INSERT INTO person VALUES (1, 'A', 'a', 'a');\n"),
    ] {
        case.added(name, text);
        assert_eq!(case.text(name), text);
    }
    case.file(
        "proof.sql",
        "ALTER TABLE person VALIDATE CONSTRAINT filled;\n",
    );
    case.add(&["proof.sql"]).expect(
        "",
        "
               Named `migrations/[time]-proof.sql`
             Applied it to the development database, in [duration]
               Wrote `end-concurrent-migration: [time]-fill.sql` into its header:
                     it checks constraint `filled` of table public.person, whose column `mail_lower` that one fills
             Updated `expected-schema/pgNN`, 1 file
        ",
        0,
    );
    let ends = format!("-- segue: end-concurrent-migration: {fill}\n");
    assert!(case.text("proof.sql").starts_with(&ends));
}

#[test]
fn the_end_of_a_sync_ends_its_backfill() {
    let case = Case::new();
    let fill = backfill(&case);
    case.file(
        "stop.sql",
        "SELECT segue.stop_sync('person', 'mail_lower');\nALTER TABLE person DROP COLUMN mail;\n",
    );
    case.add(&["stop.sql"]).expect(
        "",
        "
               Named `migrations/[time]-stop.sql`
             Applied it to the development database, in [duration]
               Wrote `end-concurrent-migration: [time]-fill.sql` into its header:
                     it drops trigger `zz_segue_sync_insert_mail_lower` of table public.person, which fills what is written meanwhile
             Updated `expected-schema/pgNN`, 2 files
        ",
        0,
    );
    let ends = format!("-- segue: end-concurrent-migration: {fill}\n");
    assert!(case.text("stop.sql").starts_with(&ends));
    // Pending together on a database with rows, the backfill comes first.
    let fresh = crate::support::TestDatabase::new();
    let mut project = case.project;
    project.env("DATABASE_URL", fresh.url());
    project.segue(&["up"]).expect_success();
    assert_eq!(
        fresh.query("SELECT count(*) FROM segue.backfill WHERE finished_at IS NOT NULL"),
        "1"
    );
}
