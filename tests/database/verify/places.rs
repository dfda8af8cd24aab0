//! Where the database stands against the folder decides what can be said.

use super::case::Case;

#[test]
fn behind_is_no_drift() {
    let case = Case::with_table();
    case.file("2-table.sql", "CREATE TABLE u ();\n").expect();
    case.verify(
        "
        Project `main`: the database is behind by 1 migration: `2-table.sql`.
        Its schema is not compared with this folder's.
        It is as deployment 1, the last one that was settled, has left it.
        ",
        1,
    );
    case.database.run("CREATE TABLE stray ()");
    case.verify(
        "
        Project `main`: the database is behind by 1 migration: `2-table.sql`.
        Its schema is not compared with this folder's.
        It is not as deployment 1, the last one that was settled, has left it:

        --- settled
        +++ live

        + table public.stray

        1 object differs
        ",
        1,
    );
}

/// Applies a second migration, then forgets it and its expected schema.
fn ahead() -> Case {
    let case = Case::with_table();
    case.project.file("2-table.sql", "CREATE TABLE u ();\n");
    case.project
        .segue(&["up", "--on-mismatch", "warn"])
        .expect_success();
    std::fs::remove_file(case.project.path().join("migrations/2-table.sql")).expect("removed");
    case
}

#[test]
fn an_older_folder_verifies_nothing() {
    let case = ahead();
    let run = case.project.segue(&["up"]);
    run.expect(
        "",
        "
                Ahead by 1 migration, which this folder lacks: `2-table.sql`
         Not verified the database is ahead of this folder and of its expected schema
                Ready since deployment 2
        ",
        0,
    );
    case.verify(
        "
        Project `main`: the database is ahead by 1 migration that this folder lacks: `2-table.sql`.
        Its schema is not compared with this folder's.
        ",
        1,
    );
}

#[test]
fn a_folder_that_has_diverged_is_applied_and_not_verified() {
    let case = ahead();
    case.file("3-table.sql", "CREATE TABLE v ();\n").expect();
    let strict = case.project.segue(&["up", "--strict"]);
    assert_eq!(strict.status, 3, "{}", strict.stderr);
    let run = case.project.segue(&["up"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains(
            "Not verified what the database has and this folder lacks is in no expected schema"
        ),
        "{}",
        run.stderr
    );
    assert_eq!(case.database.relations(), "t u v");
    case.verify(
        "
        Project `main`: the database is ahead by 1 migration that this folder lacks: `2-table.sql`.
        Its schema is not compared with this folder's.
        ",
        1,
    );
}
