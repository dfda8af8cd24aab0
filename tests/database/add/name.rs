//! Names, and what lies where.

use super::Case;

#[test]
fn names_sort_in_the_order_of_their_adding() {
    let case = Case::new();
    // Within a second or two.
    let names = ["z", "y", "x"].map(|name| {
        case.added(
            &format!("{name}.sql"),
            &format!("CREATE TABLE {name} ();\n"),
        )
    });
    assert_eq!(case.names("migrations"), names);
}

#[test]
fn a_name_with_a_time_keeps_the_rest_and_sorts_last() {
    let case = Case::new();
    case.project
        .file("2300-01-01-00-00-00-z.sql", "CREATE TABLE far ();\n");
    // In the folder already, under a name that is too early.
    case.project
        .file("2020-01-01-00-00-00-late.sql", "CREATE TABLE late ();\n");
    case.add(&["migrations/2020-01-01-00-00-00-late.sql"])
        .expect_success();
    assert_eq!(
        case.names("migrations"),
        ["2300-01-01-00-00-00-z.sql", "2300-01-01-00-00-01-late.sql"]
    );
}

#[test]
fn a_plain_file_in_the_folder_is_renamed() {
    let case = Case::new();
    case.project.file("add t.sql", "CREATE TABLE t ();\n");
    case.add(&["migrations/add t.sql"]).expect_success();
    assert_eq!(case.names("migrations"), [case.name("-add-t.sql")]);
}

#[test]
fn a_name_after_which_no_time_sorts_is_refused() {
    let case = Case::new();
    case.project.file("V1__t.sql", "CREATE TABLE t ();\n");
    case.file("u.sql", "CREATE TABLE u ();\n");
    let before = case.files();
    case.add(&["u.sql"]).expect(
        "",
        "
        error: no name that begins with a time sorts after `V1__t.sql`
        help: give `u.sql` a name that sorts after it and put it into `migrations` yourself, or rename what has not been applied anywhere
        ",
        2,
    );
    assert_eq!(case.files(), before);
}

#[test]
fn files_that_are_no_migrations_are_refused() {
    let case = Case::new();
    case.file("notes.txt", "");
    case.file("2020-01-01-00-00-00.sql", "");
    std::fs::create_dir(case.project.path().join("folder.sql")).expect("a folder");
    let before = case.files();
    let refused = |file: &str, stderr: &str| {
        case.add(&[file]).expect("", stderr, 2);
        assert_eq!(case.files(), before);
    };
    refused(
        "notes.txt",
        "
        error: `notes.txt` does not end in `.sql`
        help: rename the file: migrations are files of SQL
        ",
    );
    refused(
        "2020-01-01-00-00-00.sql",
        "
        error: `[time].sql` has no name beside the time
        help: rename the file to what the migration does, `add-email.sql` for example
        ",
    );
    refused(
        "-",
        "
        error: a migration cannot be read from standard input
        help: write it to a file: its name says what the migration does
        ",
    );
    refused(
        "none.sql",
        "
        error: cannot read `none.sql`: No such file or directory (os error 2)
        help: name a file that is there
        ",
    );
    refused(
        "folder.sql",
        "
        error: cannot read `folder.sql`: it is not a file
        note: `folder.sql`, the migrations and the expected schema are as they were
        ",
    );
}

#[test]
fn a_missing_folder_is_made_and_taken_away_again_after_a_failure() {
    let case = Case::new();
    std::fs::remove_dir(case.project.path().join("migrations")).expect("an empty folder");
    case.file("t.sql", "CREATE TABL t ();\n");
    assert_eq!(case.add(&["t.sql"]).status, 4);
    assert_eq!(case.names("."), ["segue.toml", "t.sql"]);
    case.added("t.sql", "CREATE TABLE t ();\n");
    assert_eq!(
        case.names("."),
        ["expected-schema", "migrations", "segue.toml"]
    );
}

#[test]
fn the_destination_is_one_of_the_folders() {
    let case = Case::new();
    case.file("segue.toml", "migrations = ['migrations', 'shared']\n");
    case.file("shared/2020-01-01-00-00-00-u.sql", "CREATE TABLE u ();\n");
    case.file("t.sql", "CREATE TABLE t ();\n");
    case.add(&["t.sql", "--dest", "other"]).expect(
        "",
        "
        error: `other` is none of the folders of migrations: `migrations`, `shared`
        help: `segue up` would not see the file there; `migrations` in segue.toml, or `--migrations`, names them all
        ",
        2,
    );
    case.add(&["t.sql", "--dest", "./shared/"]).expect_success();
    assert_eq!(case.names("migrations"), [""; 0]);
    assert_eq!(case.names("shared").len(), 2);
}

#[test]
fn the_file_that_takes_it_back_goes_along() {
    let case = Case::new();
    case.file("t.sql", "CREATE TABLE t ();\n")
        .file("t.revert.sql", "DROP TABLE t;\n");
    case.add(&["t.sql"]).expect("", "?", 0);
    let (migration, revert) = (case.name("-t.sql"), case.name("-t.revert.sql"));
    assert_eq!(revert, migration.replace(".sql", ".revert.sql"));
    assert!(!case.project.path().join("t.revert.sql").exists());
    // What the schema was before is known.
    let run = case.project.segue(&["revert", "--to", "empty"]);
    assert!(
        run.status == 0
            && run
                .stderr
                .contains("Verified the schema is the one from before"),
        "{}",
        run.stderr
    );
    case.add(&[&format!("migrations/{revert}")]).expect(
        "",
        "
        error: `migrations/[time]-t.revert.sql` takes a migration back, and is none itself
        help: add `[time]-t.sql` beside it: this file goes along
        ",
        2,
    );
}

#[test]
fn a_file_that_cannot_take_back_is_told_before_anything_is_done() {
    let case = Case::new();
    case.file("t.sql", "CREATE TABLE t ();\n")
        .file("t.revert.sql", "-- segue: schema-version: 1.0.0\nCOMMIT;\n");
    let before = case.files();
    let run = case.add(&["t.sql"]);
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("error[revert-directive]"),
        "{}",
        run.stderr
    );
    assert_eq!(case.files(), before);
}
