//! The ordinary way: a file becomes a migration.

use super::Case;

#[test]
fn a_file_is_named_applied_and_written_down() {
    let mut case = Case::new();
    case.project
        .redact(r"since deployment \d+", "since deployment N");
    case.file("create-t.sql", "CREATE TABLE t (a int);\n");
    case.add(&["create-t.sql"]).expect(
        "",
        "
               Named `migrations/[time]-create-t.sql`
             Applied it to the development database, in [duration]
             Updated `expected-schema/pgNN`, 4 files
        ",
        0,
    );
    assert_eq!(case.text("create-t.sql"), "CREATE TABLE t (a int);\n");
    assert_eq!(
        case.names("."),
        ["expected-schema", "migrations", "segue.toml"]
    );
    assert_eq!(case.ledger(), "create-t.sql|batch|applied");
    let table = case.expected().join("public/table/t.json");
    let table = std::fs::read_to_string(table).expect("a table");
    assert!(table.contains("\"a\""), "{table}");
    case.expect_up_to_date();
}

#[test]
fn what_changes_no_schema_says_so() {
    let case = Case::new();
    case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    case.file("fill.sql", "INSERT INTO t VALUES (1);\n");
    case.add(&["fill.sql"]).expect(
        "",
        "
               Named `migrations/[time]-fill.sql`
             Applied it to the development database, in [duration]
           Unchanged `expected-schema/pgNN`
        ",
        0,
    );
    assert_eq!(case.database.query("SELECT a FROM t"), "1");
}

#[test]
fn older_pending_ones_come_first() {
    let case = Case::new();
    case.project
        .file("2024-01-01-00-00-00-t.sql", "CREATE TABLE t (a int);\n")
        .file(
            "2024-01-01-00-00-01-index.sql",
            "-- segue: begin-concurrent-migration-with: 2024-01-01-00-00-00-t.sql\nCREATE INDEX CONCURRENTLY i ON t (a);\n",
        );
    case.file("add-b.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    case.add(&["add-b.sql"]).expect(
        "",
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
             Created the ledger, in namespace segue
                 Ran `[time]-t.sql`, 1 statement in [duration]
           Committed 1 migration in [duration]
               Ready after [duration] (deployment N)
                Tail 1 concurrent migration: `[time]-index.sql`
             Running `[time]-index.sql` (pid [pid])
            Finished `[time]-index.sql` in [duration]
             Settled after [duration] (deployment N)
               Named `migrations/[time]-add-b.sql`
             Applied it to the development database, in [duration]
             Updated `expected-schema/pgNN`, 4 files
        ",
        0,
    );
    assert_eq!(
        case.ledger(),
        "t.sql|batch|applied\nindex.sql|concurrent|applied\nadd-b.sql|batch|applied"
    );
}

#[test]
fn text_is_kept_byte_for_byte() {
    let case = Case::new();
    let text = "\u{feff}-- größe\r\n\r\nCREATE TABLE t (a int);\r\n-- no end";
    case.added("odd.sql", text);
    assert_eq!(case.text("odd.sql"), text);
    let codd = "-- codd: no-txn\n\nVACUUM t;";
    case.added("vacuum.sql", codd);
    assert_eq!(case.text("vacuum.sql"), codd);
    assert_eq!(
        case.ledger(),
        "odd.sql|batch|applied\nvacuum.sql|standalone|applied"
    );
}

#[test]
fn what_initdb_says_of_its_database_is_nobody_s_schema() {
    let case = Case::new();
    // As of database `postgres`, which many develop on.
    case.database.run(&format!(
        "COMMENT ON DATABASE {} IS 'default administrative connection database'",
        case.database.name()
    ));
    case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    let files = case.files();
    assert!(files.iter().any(|(_, text)| text.contains("\"a\"")));
    assert!(
        !files
            .iter()
            .any(|(_, text)| text.contains("administrative"))
    );
}
