//! What a hostile database or a hostile file does to statements that refuse a
//! transaction block.

use super::{Case, check};
use crate::support::wait_until;

/// The first run fails, and so does the second: nothing was detached.
#[test]
fn a_table_that_is_no_partition_is_not_taken_for_a_detached_one() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE p (a int) PARTITION BY RANGE (a);
         CREATE TABLE q (a int) PARTITION BY RANGE (a);
         CREATE TABLE q1 PARTITION OF q FOR VALUES FROM (0) TO (10);",
    );
    case.concurrent("ALTER TABLE p DETACH PARTITION q1 CONCURRENTLY;\n");
    let expected = "
        statement 1 of 1
        error[server-error]: relation \"q1\" is not a partition of relation \"p\"
          --> migrations/2-tail.sql:2:1
          |
        2 | ALTER TABLE p DETACH PARTITION q1 CONCURRENTLY;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 42P01
        not settled
        ";
    check(&case.up(), expected);
    check(&case.up(), expected);
}

/// The name of the table means another one by the next run.
#[test]
fn what_was_left_on_a_table_of_another_name_now_is_removed() {
    let case = Case::new();
    case.concurrent("CREATE INDEX CONCURRENTLY i ON t (a);\n");
    let writer = case.writer();
    case.dies_while_waiting("CREATE INDEX CONCURRENTLY");
    assert_eq!(case.indexes(), "i|f");
    writer.run("COMMIT");
    case.database
        .run("ALTER TABLE t RENAME TO old; CREATE TABLE t (a int, b int)");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
}

/// What `pg_dump --encoding` writes at its top.
#[test]
fn names_are_read_whatever_encoding_the_file_has_set() {
    let case = Case::new();
    case.database.run("CREATE INDEX \"ü\" ON t (b)");
    case.concurrent(
        "SET client_encoding = 'LATIN1';\nCREATE INDEX CONCURRENTLY i ON t (a);\nDO $$ BEGIN ASSERT current_setting('client_encoding') = 'LATIN1'; END $$;\n",
    );
    check(
        &case.up(),
        "
        statement 1 of 3
        statement 2 of 3
        statement 3 of 3
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t\nü|t");
}

/// Names of partitions too, and the indexes that are made for them.
#[test]
fn partitions_are_found_whatever_encoding_the_file_has_set() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE p (a int) PARTITION BY LIST (a);
         CREATE TABLE \"pü\" PARTITION OF p DEFAULT;",
    );
    case.concurrent("SET client_encoding = 'LATIN1';\nCREATE INDEX CONCURRENTLY i ON p (a);\n");
    check(
        &case.up(),
        "
        statement 1 of 2
        statement 2 of 2
        partition 1 of 1: public.\"pü\"
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(
        case.database.query(
            "SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = '\"pü\"'::regclass"
        ),
        "\"pü_a_idx\"|t"
    );
}

/// `RESET ALL` and `DISCARD ALL` bring back what the database is set to.
#[test]
fn read_write_is_the_default_again_after_a_reset() {
    for reset in ["RESET ALL", "DISCARD ALL"] {
        let case = Case::new();
        let name = case.database.name().to_owned();
        case.database.run(&format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = on"
        ));
        case.concurrent(&format!(
            "{reset};\nCREATE INDEX CONCURRENTLY i ON t (a);\n"
        ));
        check(
            &case.up(),
            "
            statement 1 of 2
            statement 2 of 2
            2-tail.sql is done
            settled
            ",
        );
    }
}

/// The same names in two namespaces, quotes, another role, another isolation
/// level, and the session forgotten in the middle.
#[test]
fn an_expansion_in_a_hostile_session() {
    let case = Case::new();
    let role = case.database.role("app", "NOLOGIN");
    case.database.run(&format!(
        "CREATE SCHEMA \"A b\" AUTHORIZATION {role};
         CREATE SCHEMA other AUTHORIZATION {role};
         CREATE TABLE public.p (a int, b int) PARTITION BY RANGE (a);
         CREATE TABLE public.p1 PARTITION OF public.p DEFAULT;
         SET ROLE {role};
         CREATE TABLE \"A b\".p (a int, b int) PARTITION BY RANGE (a);
         CREATE TABLE other.p PARTITION OF \"A b\".p FOR VALUES FROM (0) TO (10) PARTITION BY LIST (b);
         CREATE TABLE other.\"P\" PARTITION OF other.p DEFAULT;
         CREATE TABLE \"A b\".\"we\"\"ird\" PARTITION OF \"A b\".p FOR VALUES FROM (10) TO (20);
         CREATE TABLE \"A b\".p1 PARTITION OF \"A b\".p DEFAULT;
         RESET ROLE;"
    ));
    case.concurrent(&format!(
        "DISCARD ALL;
SET quote_all_identifiers = on;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SET standard_conforming_strings = off;
SET search_path = 'A b', other;
SET ROLE {role};
CREATE INDEX CONCURRENTLY IF NOT EXISTS \"I\" ON p (abs(a), b DESC) INCLUDE (a) WHERE b::text <> 'x';
"
    ));
    check(
        &case.up(),
        "
        statement 1 of 7
        statement 2 of 7
        statement 3 of 7
        statement 4 of 7
        statement 5 of 7
        statement 6 of 7
        statement 7 of 7
        partition 1 of 3: \"other\".\"P\"
        partition 2 of 3: \"A b\".\"we\"\"ird\"
        partition 3 of 3: \"A b\".\"p1\"
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(
        case.database.query(
            "SELECT indrelid::regclass, indexrelid::regclass, indisvalid, indnatts FROM pg_index JOIN pg_class t ON t.oid = indrelid \
              WHERE relnamespace::regnamespace::text IN ('public', 'other', '\"A b\"') ORDER BY indexrelid::regclass::text COLLATE \"C\""
        ),
        "\"A b\".p|\"A b\".\"I\"|t|3\n\
         \"A b\".\"we\"\"ird\"|\"A b\".\"we\"\"ird_abs_b_a_idx\"|t|3\n\
         \"A b\".p1|\"A b\".p1_abs_b_a_idx|t|3\n\
         other.\"P\"|other.\"P_abs_b_a_idx\"|t|3\n\
         other.p|other.p_abs_b_a_idx|t|3"
    );
}

/// A file in UTF-8 that says it is not: the name is what psql would make of it.
#[test]
fn the_text_of_a_statement_is_in_the_encoding_of_the_file() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE p (a int) PARTITION BY LIST (a);
         CREATE TABLE \"pü\" PARTITION OF p DEFAULT;",
    );
    case.concurrent(
        "SET client_encoding = 'LATIN1';\nCREATE INDEX CONCURRENTLY \"ö\" ON t (a);\nCREATE INDEX CONCURRENTLY \"ä\" ON p (a);\n",
    );
    let gate = case.database.session();
    gate.run("BEGIN; INSERT INTO \"pü\" VALUES (1)");
    case.dies_while_waiting("CREATE INDEX CONCURRENTLY");
    gate.run("COMMIT");
    check(
        &case.up(),
        "
        statement 3 of 3
        repaired: dropped `public.\"pü_a_idx\"`, which a try that did not end well had left invalid
        partition 1 of 1: public.\"pü\"
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(
        case.database
            .query("SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid::regclass::text ~ '^.?[pt]($|ü)' ORDER BY indrelid"),
        "\"Ã¶\"|t\n\"Ã¤\"|t\n\"pü_a_idx\"|t"
    );
}

/// Two migrations at once want indexes of the same table.
#[test]
fn two_expansions_of_one_table_at_once() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE p (a int, b int) PARTITION BY RANGE (a);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
         CREATE TABLE p3 PARTITION OF p DEFAULT;",
    );
    for (file, index) in [
        ("2-tail.sql", "i ON p (a)"),
        ("3-tail.sql", "j ON p (b)"),
        ("4-tail.sql", "k ON p (a)"),
    ] {
        case.project.file(file, &format!("-- segue: begin-concurrent-migration-with: 1-table.sql\nCREATE INDEX CONCURRENTLY {index};\n"));
    }
    let told = case.up();
    assert!(
        told.ends_with("settled\n") && !told.contains("error"),
        "{told}"
    );
    assert_eq!(
        case.database.query(
            "SELECT i.indrelid::regclass, count(*), bool_and(indisvalid) FROM pg_index i WHERE indrelid::regclass::text ~ '^p' AND indrelid > 16384 AND indrelid::regclass::text !~ 'pg_' GROUP BY 1 ORDER BY 1"
        ),
        "p|3|t\np1|3|t\np2|3|t\np3|3|t"
    );
}

/// Namespace `pg_toast` is nobody's to use, so an ordinary role cannot drop what
/// its own REINDEX has left there; nor may that stop it for ever.
#[test]
fn what_is_left_in_the_toast_namespace_does_not_stop_an_ordinary_role() {
    let case = Case::new();
    let role = case.database.role("app", "NOLOGIN");
    case.database.run(&format!(
        "GRANT CREATE ON SCHEMA public TO {role}; SET ROLE {role};
         CREATE TABLE w (a text); CREATE INDEX i ON w (a); RESET ROLE;"
    ));
    case.concurrent(&format!(
        "SET ROLE {role};\nREINDEX TABLE CONCURRENTLY w;\n"
    ));
    let reader = case.database.session();
    reader.run("BEGIN");
    reader.run("SELECT FROM w");
    let running = case.start();
    let pid = case.wait_for_statement("REINDEX TABLE CONCURRENTLY");
    wait_until("the swap", || {
        case.database
            .query("SELECT count(*) FROM pg_class WHERE relname ~ '_ccold$'")
            == "2"
    });
    running.kill();
    case.terminate(pid);
    reader.run("COMMIT");
    let toast = case
        .database
        .query("SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'w'");
    check(
        &case.up().replace(&toast, "pg_toast.w"),
        "
        statement 2 of 2
        repaired: dropped `public.i_ccold`, which a try that did not end well had left invalid
        statement 2 is done: an interrupted REINDEX has left what only a superuser can drop: `DROP INDEX CONCURRENTLY pg_toast.w_index_ccold;`
        2-tail.sql is done
        settled
        ",
    );
}

/// PostgreSQL refuses that too; here it is as any other partitioned table.
#[test]
fn a_temporary_table_with_partitions() {
    let case = Case::new();
    case.standalone(
        "CREATE TEMP TABLE p (a int) PARTITION BY LIST (a);
CREATE TEMP TABLE p1 PARTITION OF p DEFAULT;
CREATE INDEX CONCURRENTLY i ON p (a);
DO $$ BEGIN ASSERT (SELECT count(*) = 2 AND bool_and(indisvalid) FROM pg_index WHERE indrelid IN ('p'::regclass, 'p1'::regclass)); END $$;
",
    );
    let told = case.up();
    assert!(
        told.ends_with(".p1\nstatement 4 of 4\nsettled\n") && !told.contains("error"),
        "{told}"
    );
}
