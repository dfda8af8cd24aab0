//! `segue write-schema`

use std::fs;

use crate::support::{Project, TestDatabase};

/// A project whose development database is `database`, and no other one known.
fn project_on(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::on(database);
    project
        .env("SEGUE_DEV_DATABASE_URL", database.url())
        .env("DATABASE_URL", "postgresql://localhost:1/production")
        .redact(r"\bpg\d\d\b", "pgNN");
    project
}

const FIRST: &str = "CREATE TABLE a (id integer);\nCREATE TABLE \"B\" (id integer);";

/// Applies everything to the development database, whose expected schema is
/// about to be written.
fn up(project: &Project, database: &TestDatabase<'_>) {
    let url = database.url();
    project
        .segue(&["up", "--on-mismatch", "warn", "--database-url", &url])
        .expect_success();
}

/// The one folder of a major.
fn files(project: &Project) -> Vec<String> {
    let folder = project.path().join("expected-schema");
    let major = fs::read_dir(folder).expect("a folder").next();
    let root = major.expect("a major").expect("an entry").path();
    let mut files = Vec::new();
    for namespace in fs::read_dir(&root).expect("a folder") {
        for kind in fs::read_dir(namespace.expect("an entry").path()).expect("a folder") {
            for file in fs::read_dir(kind.expect("an entry").path()).expect("a folder") {
                let path = file.expect("an entry").path();
                let path = path.strip_prefix(&root).expect("below");
                files.push(path.display().to_string());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_development_database_is_written_and_changes_are_told() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1-first.sql", FIRST);
    up(&project, &database);
    project.segue(&["write-schema"]).expect(
        "",
        "
             Written `expected-schema/pgNN`: 5 objects
        ",
        0,
    );
    assert_eq!(
        files(&project),
        [
            "@database/database/current.json",
            "@database/extension/plpgsql.json",
            "@database/namespace/public.json",
            "public/table/+b.json",
            "public/table/a.json",
        ]
    );
    project.segue(&["write-schema"]).expect(
        "",
        "
           Unchanged `expected-schema/pgNN`: 5 objects, nothing has changed
        ",
        0,
    );
    project.file(
        "2-second.sql",
        "ALTER TABLE a ADD b text;\nDROP TABLE \"B\";\nCREATE TABLE c ();",
    );
    up(&project, &database);
    project.segue(&["write-schema"]).expect(
        "",
        "
             Removed table public.\"B\"
             Changed table public.a
               Added table public.c
             Written `expected-schema/pgNN`: 5 objects
        ",
        0,
    );
}

#[test]
fn many_changes_are_told_in_short() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.segue(&["write-schema"]).expect_success();
    let tables: Vec<_> = (10..40)
        .map(|number| format!("CREATE TABLE t{number} ();"))
        .collect();
    project.file("1-many.sql", &tables.join("\n"));
    up(&project, &database);
    let run = project.segue(&["write-schema"]);
    let lines: Vec<&str> = run.stderr.lines().map(str::trim).collect();
    assert_eq!(lines.len(), 22);
    assert_eq!(
        lines[18..],
        [
            "Added table public.t28",
            "Added table public.t29",
            "And 10 more objects; `-v` lists them",
            "Written `expected-schema/pgNN`: 33 objects",
        ]
    );
}

#[test]
fn a_database_without_the_folder_s_migrations_is_refused() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1-first.sql", FIRST);
    let refused = "error: the database has not the migrations of the folder, so its schema is not the expected one";
    let instead = "help: `segue write-schema --throwaway` replays the folder's migrations instead";
    let check = |notes: &str| {
        let told = format!("{refused}\n{notes}{instead}\n");
        project.segue(&["write-schema"]).expect("", &told, 1);
        assert!(!project.path().join("expected-schema").exists());
    };
    check(
        "note: in the folder, and not done: `1-first.sql`\n\
         note: nothing was written\n\
         help: `segue up` applies what is pending\n",
    );
    up(&project, &database);
    let first = project.path().join("migrations/1-first.sql");
    fs::remove_file(first).expect("removed");
    check(
        "note: applied, and not in the folder: `1-first.sql`\n\
         note: nothing was written\n",
    );
    project.file("2-second.sql", "CREATE TABLE c ();");
    check(
        "note: in the folder, and not done: `2-second.sql`\n\
         note: applied, and not in the folder: `1-first.sql`\n\
         note: nothing was written\n",
    );
}

#[test]
fn a_concurrent_migration_that_is_not_done_is_waited_for() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1-first.sql", FIRST).file(
        "2-index.sql",
        "-- segue: begin-concurrent-migration-with: 1-first.sql\n\
         CREATE INDEX CONCURRENTLY a_id ON a (id);",
    );
    project
        .segue(&["up", "--until", "ready", "--database-url", &database.url()])
        .expect_success();
    let run = project.segue(&["write-schema"]);
    assert_eq!(run.status, 1);
    assert!(
        run.stderr
            .contains("in the folder, and not done: `2-index.sql`"),
        "{}",
        run.stderr
    );
    up(&project, &database);
    project.segue(&["write-schema"]).expect_success();
}

#[test]
fn other_variables_name_no_development_database() {
    let database = TestDatabase::new();
    let project = Project::on(&database);
    project.segue(&["write-schema"]).expect(
        "",
        "
        error: no development database is named
        help: set SEGUE_DEV_DATABASE_URL or give `--database-url`; with `--throwaway` none is needed. \
        Other variables are not read here, they may name a production database
        ",
        2,
    );
    project
        .segue(&["write-schema", "--database-url", &database.url()])
        .expect_success();
}

#[test]
fn a_history_is_replayed_on_a_database_of_its_own() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1-first.sql", FIRST);
    up(&project, &database);
    project.segue(&["write-schema"]).expect_success();
    // What was done by hand is not in the migrations.
    database.run("CREATE TABLE by_hand ()");
    let own = ["write-schema", "--on", &database.url()];
    let run = project.segue(&own);
    assert_eq!(
        run.stderr.lines().last().map(str::trim),
        Some("Unchanged `expected-schema/pgNN`: 5 objects, nothing has changed")
    );
    project.segue(&["write-schema"]).expect(
        "",
        "
               Added table public.by_hand
             Written `expected-schema/pgNN`: 6 objects
        ",
        0,
    );
}

#[test]
fn what_was_expected_does_not_hold_up_a_replay() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    let own = ["write-schema", "--on", &database.url()];
    project
        .file("1-first.sql", FIRST)
        .segue(&own)
        .expect_success();
    let run = project
        .file("2-second.sql", "CREATE TABLE c ();")
        .segue(&own);
    run.expect_success();
    let told: Vec<&str> = run.stderr.lines().map(str::trim).collect();
    assert_eq!(
        told[told.len() - 2..],
        [
            "Added table public.c",
            "Written `expected-schema/pgNN`: 6 objects"
        ]
    );
}

#[test]
fn a_history_that_fails_writes_nothing() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1-first.sql", "CREATE TABLE a (id nothing);");
    let run = project.segue(&["write-schema", "--on", &database.url()]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(!project.path().join("expected-schema").exists());
}

#[test]
fn rules_leave_out_what_is_not_the_project_s() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.write(
        "segue.toml",
        "[schema]\nnamespaces = [\"app\"]\nignore = [\"table app.tmp_*\", \"index *.*.slow_*\", \
         \"partitions of app.events\", \"view app.gone\"]\n",
    );
    project.file(
        "1-first.sql",
        "CREATE SCHEMA app;\n\
         CREATE TABLE public.other ();\n\
         CREATE TABLE app.tmp_1 ();\n\
         CREATE TABLE app.kept (id integer);\n\
         CREATE INDEX slow_one ON app.kept (id);\n\
         CREATE TABLE app.events (id integer) PARTITION BY RANGE (id);\n\
         CREATE TABLE app.\"Events 1\" PARTITION OF app.events FOR VALUES FROM (1) TO (9) PARTITION BY RANGE (id);\n\
         CREATE TABLE app.events_1_1 PARTITION OF app.\"Events 1\" FOR VALUES FROM (1) TO (2);",
    );
    up(&project, &database);
    project.segue(&["write-schema"]).expect(
        "",
        "
                Note `ignore: view app.gone` of [schema] in segue.toml matches nothing
             Written `expected-schema/pgNN`: 5 objects
        ",
        0,
    );
    assert_eq!(
        files(&project),
        [
            "@database/database/current.json",
            "@database/extension/plpgsql.json",
            "@database/namespace/app.json",
            "app/table/events.json",
            "app/table/kept.json",
        ]
    );
}

#[test]
fn a_merge_conflict_is_written_over() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1-first.sql", FIRST);
    up(&project, &database);
    project.segue(&["write-schema"]).expect_success();
    let major = database.query("SELECT current_setting('server_version_num')::int / 10000");
    let file = format!("expected-schema/pg{}/public/table/a.json", major.trim());
    let before = project.read(&file);
    project.write(&file, "{\n<<<<<<< HEAD\n");
    project.segue(&["write-schema"]).expect(
        "",
        "
                Note what was there is replaced: not part of an expected schema: \
        `expected-schema/pgNN/public/table/a.json`: line 2 is the mark of a merge conflict
             Written `expected-schema/pgNN`: 5 objects
        ",
        0,
    );
    assert_eq!(project.read(&file), before);
}

#[test]
fn a_disk_that_fills_up_is_told_and_nothing_is_written() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.segue(&["write-schema"]).expect_success();
    let before = files(&project);
    let columns: Vec<_> = (0..500).map(|number| format!("c{number} text")).collect();
    project.file(
        "1-wide.sql",
        &format!("CREATE TABLE wide ({});", columns.join(", ")),
    );
    up(&project, &database);
    let program = project.command(&[]).get_program().to_owned();
    let mut limited = project.command(&["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"]);
    limited.arg(program).arg("write-schema");
    // The same surroundings, another program.
    let mut shell = std::process::Command::new("sh");
    shell
        .args(limited.get_args())
        .current_dir(project.path())
        .env_clear()
        .stdin(std::process::Stdio::null());
    for (name, value) in limited.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let mut redacted = project_on(&database);
    redacted.redact("[0-9a-f]{16}", "UNIQUE");
    redacted.output_of(&mut shell).expect(
        "",
        "
        error: cannot write `expected-schema/.pgNN.new.UNIQUE/public/table/wide.json`: File too large (os error 27)
        ",
        2,
    );
    assert_eq!(files(&project), before);
}
