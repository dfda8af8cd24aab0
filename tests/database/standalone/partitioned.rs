//! `CREATE INDEX CONCURRENTLY` on a partitioned table.

mod interrupted;
mod like_plain;
mod meanwhile;
mod side_by_side;

use super::{Case, check};
use crate::support::{Project, TestDatabase, assert_same_snapshot, snapshot};

/// Three partitions of `p`, each with a row; `b` is 1 in all of them.
const FLAT: &str = "
    CREATE TABLE p (a int, b int) PARTITION BY RANGE (a);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
    CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
    CREATE TABLE p3 PARTITION OF p DEFAULT;
    INSERT INTO p VALUES (1, 1), (11, 1), (21, 1);";

const INDEX: &str = "CREATE INDEX CONCURRENTLY i ON p (a);\n";

/// A run that builds all three.
const BUILT: &str = "
    statement 1 of 1
    partition 1 of 3: public.p1
    partition 2 of 3: public.p2
    partition 3 of 3: public.p3
    2-tail.sql is done
    settled
    ";

/// A database with these tables, and a concurrent migration.
fn case(setup: &str, sql: &str) -> Case<'static> {
    let case = Case::new();
    case.database.run(setup);
    case.concurrent(sql);
    case
}

/// The indexes of all tables but `t`: table, index, validity, what it is
/// attached to.
fn indexes(case: &Case) -> String {
    case.database.query(
        "SELECT i.indrelid::regclass, c.relname, i.indisvalid, h.inhparent::regclass \
           FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
           LEFT JOIN pg_inherits h ON h.inhrelid = c.oid \
          WHERE c.relnamespace = 'public'::regnamespace AND i.indrelid <> 't'::regclass ORDER BY 1, 2",
    )
}

const ALL: &str = "p|i|t|\np1|p1_a_idx|t|i\np2|p2_a_idx|t|i\np3|p3_a_idx|t|i";

/// Whether the schema is the one that the plain statement makes.
#[track_caller]
fn assert_like_plain(case: &Case, setup: &str, sql: &str) {
    let plain = Case::new();
    plain.database.run(setup);
    plain.database.run(&sql.replace(" CONCURRENTLY", ""));
    assert_same_snapshot(
        sql,
        &snapshot(&case.database.url()),
        &snapshot(&plain.database.url()),
    );
}

#[test]
fn each_partition_is_told_and_built() {
    let case = case(FLAT, INDEX);
    check(&case.up(), BUILT);
    assert_eq!(indexes(&case), ALL);
    check(&case.up(), "settled\n");
}

#[test]
fn it_is_done_in_a_standalone_migration_too() {
    let case = Case::new();
    case.database.run(FLAT);
    case.standalone(INDEX);
    check(
        &case.up(),
        "
        statement 1 of 1
        partition 1 of 3: public.p1
        partition 2 of 3: public.p2
        partition 3 of 3: public.p3
        settled
        ",
    );
    assert_eq!(indexes(&case), ALL);
}

#[test]
fn the_servers_error_is_shown_at_its_place() {
    let case = case(FLAT, "CREATE INDEX CONCURRENTLY i ON p (a, nix);\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[server-error]: column \"nix\" does not exist
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY i ON p (a, nix);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 42703
        not settled
        ",
    );
    case.concurrent("CREATE INDEX CONCURRENTLY i ON p ((a + nix));\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[server-error]: column \"nix\" does not exist
          --> migrations/2-tail.sql:2:40
          |
        2 | CREATE INDEX CONCURRENTLY i ON p ((a + nix));
          |                                        ^^^
          = note: SQLSTATE 42703
        not settled
        ",
    );
    case.concurrent("CREATE UNIQUE INDEX CONCURRENTLY i ON p (b);\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[server-error]: unique constraint on partitioned table must include all partitioning columns
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY i ON p (b);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: UNIQUE constraint on table \"p\" lacks column \"a\" which is part of the partition key.
          = note: SQLSTATE 0A000
        not settled
        ",
    );
    assert_eq!(indexes(&case), "");
}

#[test]
fn duplicates_name_their_partition_and_the_rerun_keeps_the_good_ones() {
    let setup = format!("{FLAT} INSERT INTO p VALUES (12, 1), (12, 1);");
    let case = case(&setup, "CREATE UNIQUE INDEX CONCURRENTLY i ON p (a);\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        partition 1 of 3: public.p1
        partition 2 of 3: public.p2
        repaired: dropped `public.p2_a_idx`, which a try that did not end well had left invalid
        error[server-error]: could not create unique index \"p2_a_idx\"
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY i ON p (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (a)=(12) is duplicated.
          = note: this came of its partition `public.p2`
          = note: the invalid index that it left there has been dropped; those that are built on other partitions stay
          = note: SQLSTATE 23505
          = help: remove the duplicates, then run segue again: it goes on with this partition
        not settled
        ",
    );
    let before = case.database.query("SELECT 'p1_a_idx'::regclass::oid");
    assert_eq!(indexes(&case), "p|i|f|\np1|p1_a_idx|t|");
    case.database.run("DELETE FROM p2 WHERE a = 12");
    check(
        &case.up(),
        "
        statement 1 of 1
        partition 2 of 3: public.p2
        partition 3 of 3: public.p3
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(indexes(&case), ALL);
    assert_eq!(
        case.database.query("SELECT 'p1_a_idx'::regclass::oid"),
        before
    );
}

#[test]
fn an_ordinary_role_and_the_plan() {
    let database = TestDatabase::new();
    let role = database.role("owner", "LOGIN");
    let name = database.name();
    database.run(&format!(
        "GRANT CREATE ON DATABASE {name} TO {role}; GRANT CREATE ON SCHEMA public TO {role};"
    ));
    let mut project = Project::on(&database);
    project.env("DATABASE_URL", database.url_as(&role));
    project.file("1-table.sql", FLAT);
    project.segue(&["up"]).expect_success();
    project.file(
        "2-tail.sql",
        &format!("-- segue: begin-concurrent-migration-with: 1-table.sql\n{INDEX}"),
    );
    let plan = project.segue(&["plan"]);
    let tail = "Tail\n  2-tail.sql, on `p` partition by partition\n";
    assert!(plan.stdout.contains(tail), "{}", plan.stdout);
    let run = project.segue(&["up"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let told = "Building `2-tail.sql`: partition 2 of 3, `public.p2`";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert_eq!(
        database.query("SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid IN ('p'::regclass, 'p1'::regclass, 'p2'::regclass, 'p3'::regclass)"),
        "4"
    );
}

#[test]
fn what_is_in_the_way_is_left_alone() {
    let case = case(FLAT, INDEX);
    case.database.run("CREATE INDEX i ON ONLY p (a)");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: an invalid index `public.i` is in the way
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY i ON p (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ of this name
          = note: it is: CREATE INDEX i ON ONLY public.p USING btree (a)
          = note: it was there before segue first ran this statement, so segue leaves it alone
          = help: if nobody needs it: `DROP INDEX public.i;`, then run segue again; the indexes that are attached to it go with it, others are used again
        not settled
        ",
    );
    case.database.run("DROP INDEX i; CREATE INDEX i ON p (a)");
    check(
        &case.up(),
        "
        statement 1 of 1
        statement 1 is done: `public.i` was there already, valid and the same
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn another_relation_of_that_name_is_no_index() {
    let case = case(
        FLAT,
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON p (a);\n",
    );
    case.database.run("CREATE VIEW i AS SELECT 1");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: the index `i` has not been built on this table
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON p (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ PostgreSQL skipped it
          = note: `IF NOT EXISTS`, and another relation of the namespace is named `i`
          = help: give the index another name; if it is not wanted, remove the statement
        not settled
        ",
    );
    assert_eq!(indexes(&case), "");
}

#[test]
fn on_only_is_what_it_says() {
    let case = case(FLAT, "CREATE INDEX CONCURRENTLY i ON ONLY p (a);\n");
    check(
        &case.up(),
        "statement 1 of 1\n2-tail.sql is done\nsettled\n",
    );
    assert_eq!(indexes(&case), "p|i|f|");
}

#[test]
fn dropping_such_an_index_is_for_the_batch() {
    let case = case(FLAT, "DROP INDEX CONCURRENTLY i;\n");
    case.database.run("CREATE INDEX i ON p (a)");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: `DROP INDEX CONCURRENTLY` on `public.i`, the index of a partitioned table
          --> migrations/2-tail.sql:2:1
          |
        2 | DROP INDEX CONCURRENTLY i;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^ PostgreSQL refuses this
          = note: the indexes of the partitions belong to it and go with it, in one moment
          = help: write `DROP INDEX public.i` in a batch migration; it takes ACCESS EXCLUSIVE on the table and its partitions for that moment, and segue tries until it has that without holding up others for long
        not settled
        ",
    );
    assert!(indexes(&case).starts_with(ALL));
}
