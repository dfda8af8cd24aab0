//! What fails leaves everything as it was.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::Case;

#[test]
fn an_error_in_a_batch_migration_rolls_everything_back() {
    let case = Case::new();
    case.project
        .file("2024-01-01-00-00-00-t.sql", "CREATE TABLE t (a int);\n");
    case.file(
        "bad.sql",
        "CREATE TABLE u ();\nALTER TABLE t ADD COLUMN a int;\n",
    );
    let before = case.files();
    case.add(&["bad.sql"]).expect(
        "",
        "
             Planned 1 migration in one transaction
             Created the ledger, in namespace segue
                 Ran `[time]-t.sql`, 1 statement in [duration]
           Committed 1 migration in [duration]
               Ready after [duration] (deployment N)
             Settled after [duration] (deployment N)
        error[server-error]: column \"a\" of relation \"t\" already exists
          --> bad.sql:2:1
          |
        2 | ALTER TABLE t ADD COLUMN a int;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 42701
        note: applied before this: `[time]-t.sql`, which was pending
        note: nothing of it is left in the database
        note: `bad.sql`, the migrations and the expected schema are as they were
        help: correct it, then `segue add bad.sql` again
        ",
        4,
    );
    assert_eq!(case.files(), before);
    assert_eq!(case.ledger(), "t.sql|batch|applied");
    let deployments = "SELECT state FROM segue.deployment";
    assert_eq!(case.database.query(deployments), "settled");
}

#[test]
fn problems_of_all_files_are_told_before_anything_runs() {
    let case = Case::new();
    case.project
        .file("2024-01-01-00-00-00-t.sql", "-- segue: no-tnx\nSELECT 1;\n");
    case.file(
        "bad.sql",
        "-- segue: end-concurrent-migration: none.sql\nCOMMIT;\n",
    );
    let before = case.files();
    case.add(&["bad.sql"]).expect(
        "",
        "
        error[unknown-directive]: there is no directive `no-tnx`
          --> migrations/[time]-t.sql:1:11
          |
        1 | -- segue: no-tnx
          |           ^^^^^^ not a directive
          = help: did you mean `no-txn`?

        error[transaction-control]: `COMMIT` in a migration that runs inside a transaction block
          --> bad.sql:2:1
          |
        2 | COMMIT;
          | ^^^^^^ would end the transaction of the whole batch
          = help: remove it, or write `-- segue: no-txn` at the top of the file: its statements then run outside of the batch's transaction

        error[unknown-migration]: no migration is named `none.sql`
          --> bad.sql:1:37
          |
        1 | -- segue: end-concurrent-migration: none.sql
          |                                     ^^^^^^^^ ended here

        error: 3 problems in all
        ",
        3,
    );
    assert_eq!(case.files(), before);
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'";
    assert_eq!(case.database.query(made), "0");
}

#[test]
fn drift_is_not_written_into_the_expected_schema_unseen() {
    let case = Case::new();
    case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    case.database.run("CREATE TABLE stray (a int)");
    case.file("add-b.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let before = case.files();
    case.add(&["add-b.sql"]).expect(
        "",
        "
        --- expected
        +++ live

        + table public.stray
        +   column a: integer

        1 object differs
        error: the development database does not have the expected schema, even before the new migration
        note: `add-b.sql`, the migrations and the expected schema are as they were
        help: undo the difference, or use a fresh database or `--throwaway`
        help: if the expected schema lacks what an older migration does: `segue write-schema`; `--on-mismatch warn` takes the difference into it, too
        ",
        4,
    );
    assert_eq!(case.files(), before);
    case.add(&["add-b.sql", "--on-mismatch", "warn"]).expect(
        "",
        "
--- expected
+++ live

+ table public.stray
+   column a: integer

1 object differs
    Mismatch the schema was not the expected one before, on PostgreSQL NN; the difference is part of the expected schema now
       Named `migrations/[time]-add-b.sql`
     Applied it to the development database, in [duration]
     Updated `expected-schema/pgNN`, 2 files
        ",
        0,
    );
    assert!(case.expected().join("public/table/stray.json").exists());
}

#[test]
fn a_database_with_migrations_of_others_is_refused() {
    let case = Case::new();
    let name = case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    let path = case.project.path().join("migrations").join(name);
    fs::rename(path, case.project.path().join("copy.sql")).expect("renamed");
    case.file("u.sql", "CREATE TABLE u ();\n");
    let before = case.files();
    case.add(&["u.sql"]).expect(
        "",
        "
        error: the database has 1 migration that the folder lacks: `[time]-create-t.sql`
        note: what they made would become part of the expected schema
        help: bring their files in, use another development database, or `--throwaway`; `--on-mismatch warn` goes on all the same
        ",
        2,
    );
    assert_eq!(case.files(), before);
    // Under whichever name: its text is in the ledger.
    case.add(&["copy.sql"]).expect(
        "",
        "
               Named `migrations/[time]-create-t.sql`
             Resumed what an earlier `segue add` had applied before it was stopped
           Unchanged `expected-schema/pgNN`
        ",
        0,
    );
    case.add(&["u.sql"]).expect_success();
}

#[test]
fn what_is_applied_already_is_not_added_again() {
    let case = Case::new();
    let name = case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    let before = case.files();
    case.add(&[&format!("migrations/{name}")]).expect(
        "",
        "
        error: `[time]-create-t.sql` is applied to the database already
        help: what it does is changed by a new migration; what `add` writes for it is written again with `--throwaway` or `--on URL`, which give it a new name, too
        ",
        2,
    );
    assert_eq!(case.files(), before);
}

#[test]
fn what_follows_from_an_applied_one_and_fails_is_told() {
    let case = Case::new();
    case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    case.file(
        "u.sql",
        "SELECT pg_advisory_xact_lock(7);\nCREATE TABLE u ();\n",
    );
    let holder = case.database.session();
    holder.run("SELECT pg_advisory_lock(7)");
    let mut command = case
        .project
        .command(&["add", "u.sql", "--lock-timeout", "10s"]);
    command.stdin(std::process::Stdio::null());
    let adding = case.project.spawn_command(command);
    crate::support::wait_until("the migration", || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        case.database.query(waiting) != "0"
    });
    // A disk that is full would do as well.
    let folder = case.project.path().join("expected-schema");
    fs::rename(&folder, case.project.path().join("kept")).expect("renamed");
    fs::write(&folder, "").expect("a file");
    holder.run("SELECT pg_advisory_unlock(7)");
    let added = adding.wait();
    assert_eq!(added.status, 4, "{}", added.stderr);
    let (_, told) = added.stderr.split_once("error: ").expect("an error");
    let (first, rest) = told.split_once('\n').expect("several lines");
    assert!(
        first.starts_with("`[time]-u.sql` is applied, but: cannot "),
        "{first}"
    );
    crate::support::assert_text(
        "the rest",
        rest,
        "
        note: it is in its place, `migrations/[time]-u.sql`
        help: `segue write-schema` writes the expected schema
        ",
    );
    assert_eq!(
        case.text("u.sql"),
        "SELECT pg_advisory_xact_lock(7);\nCREATE TABLE u ();\n"
    );
    assert!(!case.project.path().join("u.sql").exists());
    assert_eq!(
        case.ledger(),
        "create-t.sql|batch|applied\nu.sql|batch|applied"
    );
}

#[test]
fn folders_that_cannot_be_written_are_found_before_anything_runs() {
    let case = Case::new();
    case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    case.file("u.sql", "CREATE TABLE u ();\n");
    let before = case.files();
    for folder in ["migrations", "expected-schema"] {
        let folder = case.project.path().join(folder);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).expect("changed");
        // Root may write everywhere.
        let is_root = fs::write(folder.join("probe"), "").is_ok();
        let _ = fs::remove_file(folder.join("probe"));
        if !is_root {
            let run = case.add(&["u.sql"]);
            assert_eq!(run.status, 2, "{}", run.stderr);
            assert!(run.stderr.contains("Permission denied"), "{}", run.stderr);
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("changed");
        assert_eq!(case.files(), before);
    }
    assert_eq!(case.ledger(), "create-t.sql|batch|applied");
}

#[test]
fn an_expected_schema_that_cannot_be_made_is_found_before_anything_runs() {
    let case = Case::new();
    // A file where the folder should be.
    case.file("expected-schema", "");
    case.file("u.sql", "CREATE TABLE u ();\n");
    let before = case.files();
    let run = case.add(&["u.sql"]);
    assert_ne!(run.status, 0, "{}", run.stderr);
    assert_eq!(case.files(), before);
    let made = "SELECT count(*) FROM pg_class WHERE relname = 'u'";
    assert_eq!(case.database.query(made), "0");
}
