//! `segue diff`

use std::fs;
use std::process::Command;

use crate::support::{Project, TestDatabase};

fn project_on(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::on(database);
    project
        .redact(r"PostgreSQL \d\d", "PostgreSQL NN")
        .redact(r"\bpg\d\d\b", "pgNN");
    project
}

/// Writes the expected schema of the database.
#[track_caller]
fn write(project: &Project, database: &TestDatabase<'_>) {
    project
        .segue(&["write-schema", "--database-url", &database.url()])
        .expect_success();
}

fn git(project: &Project, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(arguments)
        .current_dir(project.path())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git");
    assert!(output.status.success(), "{output:?}");
}

fn commit(project: &Project) {
    git(project, &["add", "--all"]);
    git(project, &["commit", "--quiet", "-m", "a commit"]);
}

fn major(database: &TestDatabase<'_>) -> String {
    let major = database.query("SELECT current_setting('server_version_num')::int / 10000");
    major.trim().to_owned()
}

#[test]
fn the_database_is_compared_with_what_is_expected() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    database.run("CREATE TABLE a (id integer); CREATE TABLE b (id integer)");
    write(&project, &database);
    let equal = "
               Equal expected and live, PostgreSQL NN
        ";
    project.segue(&["diff"]).expect("", equal, 0);
    database.run("ALTER TABLE a ALTER id TYPE bigint; DROP TABLE b");
    let different = "
        --- expected
        +++ live

        - table public.b
        -   column id: integer

          table public.a
            column id
        -     type: integer
        +     type: bigint

        2 objects differ: 1 only in expected, 1 changed
        ";
    project.segue(&["diff"]).expect(different, "", 1);
    project
        .segue(&["diff", "expected", "live"])
        .expect(different, "", 1);
    let back = project.segue(&["diff", "live"]);
    assert!(
        back.stdout.starts_with("--- live\n+++ expected\n"),
        "{}",
        back.stdout
    );
    assert_eq!(back.status, 1);
    project.segue(&["diff", "live", "live"]).expect(
        "",
        "
               Equal live and live, PostgreSQL NN
        ",
        0,
    );
}

#[test]
fn json_is_for_programs() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    write(&project, &database);
    database.run("CREATE TABLE a ()");
    project.segue(&["diff", "--json"]).expect(
        r#"
        {
          "after": "live",
          "before": "expected",
          "changes": [
            {
              "after": {},
              "object": {
                "kind": "table",
                "name": "a",
                "namespace": "public"
              },
              "path": []
            }
          ],
          "objects": 1,
          "version": 1
        }
        "#,
        "",
        1,
    );
    write(&project, &database);
    project.segue(&["diff", "--json"]).expect(
        r#"
        {
          "after": "live",
          "before": "expected",
          "changes": [],
          "objects": 0,
          "version": 1
        }
        "#,
        "",
        0,
    );
}

#[test]
fn revisions_are_compared_without_a_database() {
    let database = TestDatabase::new();
    let mut project = project_on(&database);
    git(&project, &["init", "--quiet", "--initial-branch", "main"]);
    database.run("CREATE TABLE a ()");
    write(&project, &database);
    commit(&project);
    database.run("CREATE TABLE b ()");
    write(&project, &database);
    commit(&project);
    database.run("CREATE TABLE c ()");
    write(&project, &database);
    let live = project.segue(&["diff", "git:main~1", "live"]);
    assert_eq!(live.status, 1);
    // Nothing but the last run needs it.
    project.env("DATABASE_URL", "postgresql://localhost:1/nothing");
    project.segue(&["diff", "git:main"]).expect(
        "
        --- git:main
        +++ expected

        + table public.c

        1 object differs
        ",
        "",
        1,
    );
    project.segue(&["diff", "git:main", "git:HEAD~1"]).expect(
        "
        --- git:main
        +++ git:HEAD~1

        - table public.b

        1 object differs
        ",
        "",
        1,
    );
    // From a folder below.
    fs::create_dir(project.path().join("below")).expect("a folder");
    let mut below = project.command(&[
        "--expected-schema",
        "../expected-schema",
        "diff",
        "git:main",
        "git:main",
    ]);
    below.current_dir(project.path().join("below"));
    project.output_of(&mut below).expect(
        "",
        "
               Equal git:main and git:main, PostgreSQL NN
        ",
        0,
    );
    project.segue(&["diff", "git:nothing"]).expect(
        "",
        "
        error: git knows no revision `nothing` here
        ",
        2,
    );
}

#[test]
fn a_major_has_to_be_chosen_where_there_are_several() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.segue(&["diff"]).expect(
        "",
        "
        error: `expected-schema` has no expected schema for PostgreSQL NN
        help: `segue write-schema` writes it
        ",
        2,
    );
    project.segue(&["diff", "expected", "expected"]).expect(
        "",
        "
        error: `expected-schema` has no expected schema
        help: `segue write-schema` writes it
        ",
        2,
    );
    write(&project, &database);
    let major = major(&database);
    let folder = project.path().join("expected-schema");
    let own = folder.join(format!("pg{major}"));
    fs::create_dir(folder.join("pg98")).expect("a folder");
    project.segue(&["diff", "expected", "expected"]).expect(
        "",
        "
        error: there is an expected schema for each of PostgreSQL NN and 98
        help: `--major N` chooses one
        ",
        2,
    );
    let chosen = ["diff", "expected", "expected", "--major", "98"];
    project.segue(&chosen).expect_success();
    project.segue(&["diff", "--major", "98"]).expect(
        "",
        "
        error: the server is PostgreSQL NN, `--major` says 98
        help: leave out `--major`: a schema is compared with those of its own version
        ",
        2,
    );
    fs::remove_dir_all(own).expect("removed");
    project.segue(&["diff"]).expect(
        "",
        "
        error: `expected-schema` has no expected schema for PostgreSQL NN
        note: it has one for PostgreSQL NN
        help: `segue write-schema` writes it
        ",
        2,
    );
}

#[test]
fn rules_hold_for_both_sides_and_idle_ones_are_told_once() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    database.run("CREATE TABLE a (); CREATE TABLE tmp_1 ()");
    write(&project, &database);
    project.write(
        "segue.toml",
        "[schema]\nignore = [\"table public.tmp_*\", \"view *.*\"]\n",
    );
    database.run("DROP TABLE tmp_1; CREATE TABLE tmp_2 ()");
    project.segue(&["diff"]).expect(
        "",
        "
                Note `ignore: view *.*` of [schema] in segue.toml matches nothing
               Equal expected and live, PostgreSQL NN
        ",
        0,
    );
}

#[test]
fn a_lock_is_not_waited_for_without_bound() {
    let database = TestDatabase::new();
    let mut project = project_on(&database);
    project.redact(r"after \d+(\.\d+)?m?s", "after [duration]");
    database.run("CREATE TABLE a (id integer PRIMARY KEY)");
    write(&project, &database);
    let stranger = database.session();
    stranger.run("BEGIN; LOCK TABLE a IN ACCESS EXCLUSIVE MODE");
    let url = database.url();
    for command in [
        &["diff", "--retry-for", "300ms"][..],
        &[
            "write-schema",
            "--retry-for",
            "300ms",
            "--database-url",
            &url,
        ],
    ] {
        project.segue(command).expect(
            "",
            "
            error: gave up after [duration] while waiting for a lock that reading the schema needs: canceling statement due to lock timeout (SQLSTATE 55P03)
            help: `--retry-for` sets how long to wait
            ",
            5,
        );
    }
    stranger.run("COMMIT");
    project.segue(&["diff"]).expect_success();
}
