//! `segue lint --fix`: what it makes of a folder does the same, and stops
//! nobody.

use std::path::Path;

use crate::support::{Project, TestDatabase, assert_file, assert_same_snapshot, snapshot};

const BASE: &str = "2026-01-01-00-00-00-base.sql";
const CHANGE: &str = "2026-01-02-00-00-00-change.sql";

/// What there is before: tables with rows.
const TABLES: &str = "
CREATE TABLE person (id int NOT NULL, team int, name text, age int);
CREATE TABLE team (id int PRIMARY KEY);
CREATE SCHEMA app;
CREATE TABLE app.visit (person int NOT NULL, at timestamptz);
INSERT INTO team SELECT generate_series(1, 10);
INSERT INTO person SELECT id, id % 10 + 1, 'p' || id, id FROM generate_series(1, 1000) AS id;
INSERT INTO app.visit SELECT id, now() FROM generate_series(1, 1000) AS id;
";

/// Changes, by what they are about.
const CHANGES: [(&str, &str); 9] = [
    (
        "index",
        "ALTER TABLE person ADD COLUMN email text;\n\n-- For look-ups.\nCREATE INDEX person_name ON person (lower(name)); -- by name\nCREATE INDEX IF NOT EXISTS visit_at ON app.visit USING brin (at);\nCREATE INDEX ON person (age);\n\nUPDATE team SET id = id WHERE id = 1;\n",
    ),
    (
        "indexes-alone",
        "-- By age.\nCREATE INDEX person_age ON person (age) WHERE age > 18;\n",
    ),
    (
        "not-null",
        "ALTER TABLE person\n    ALTER COLUMN team SET NOT NULL,\n    ALTER COLUMN name SET DEFAULT '', -- for now\n    ALTER COLUMN name SET NOT NULL;\n",
    ),
    (
        "foreign-key",
        "ALTER TABLE ONLY person ADD CONSTRAINT person_team FOREIGN KEY (team) REFERENCES team (id) ON DELETE CASCADE DEFERRABLE;\nALTER TABLE app.visit ADD FOREIGN KEY (person) REFERENCES team NOT VALID;\n",
    ),
    (
        "unnamed",
        "ALTER TABLE person ADD FOREIGN KEY (team) REFERENCES team;\nALTER TABLE person ADD CHECK (age >= 0);\nALTER TABLE person ADD CHECK (age < 5000 AND id > 0), ADD UNIQUE (id, name);\n",
    ),
    (
        "unique",
        "ALTER TABLE person ADD CONSTRAINT person_one UNIQUE (id) INCLUDE (name) DEFERRABLE INITIALLY DEFERRED;\n",
    ),
    ("primary-key", "ALTER TABLE person ADD PRIMARY KEY (id);\n"),
    (
        "same-transaction",
        "ALTER TABLE person ADD CONSTRAINT grown CHECK (age > 0) NOT VALID;\nALTER TABLE person VALIDATE CONSTRAINT grown;\n",
    ),
    (
        "windows",
        "\u{feff}-- About both.\r\nALTER TABLE person ADD COLUMN note text;\r\nCREATE INDEX person_team ON person (team);\r\n",
    ),
];

/// A project with its database, in which what is there before is applied.
fn project(database: &TestDatabase<'_>, change: &str) -> Project {
    let project = Project::on(database);
    project.file(BASE, TABLES);
    project.segue(&["up"]).expect_success();
    project.file(CHANGE, change);
    project
}

/// All files behind the first one, with their names.
fn folder(project: &Project) -> String {
    let entries = std::fs::read_dir(project.path().join("migrations")).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    let shown = names.iter().filter(|name| *name != BASE).map(|name| {
        let text = project.read(&format!("migrations/{name}"));
        format!("== {name}\n{text}")
    });
    shown.collect()
}

const RULES: [&str; 5] = [
    "index-not-concurrently",
    "constraint-builds-index",
    "set-not-null-scans",
    "foreign-key-not-valid",
    "check-not-valid",
];

#[test]
fn what_is_mended_ends_with_the_same_schema_and_is_clean() {
    for (name, change) in CHANGES {
        let before = TestDatabase::new();
        project(&before, change).segue(&["up"]).expect_success();

        let after = TestDatabase::new();
        let project = project(&after, change);
        let mended = project.segue(&["lint", "--fix", CHANGE]);
        let text = format!("{}{}", folder(&project), mended.stderr);
        assert_file(&format!("tests/database/lint_fix/{name}.txt"), &text);

        // Nothing more is to be mended.
        let again = project.segue(&["lint", "--since", BASE, "--format", "json"]);
        for rule in RULES {
            assert!(!again.stdout.contains(rule), "{name}: {}", again.stdout);
        }
        let written = folder(&project);
        project.segue(&["lint", "--fix", "--since", BASE]);
        assert_eq!(folder(&project), written, "{name}");

        project.segue(&["up"]).expect_success();
        assert_same_snapshot(name, &snapshot(&after.url()), &snapshot(&before.url()));
    }
}

#[test]
fn a_tail_stops_no_writer_where_the_file_did() {
    let database = TestDatabase::new();
    let project = project(&database, "ALTER TABLE person ADD PRIMARY KEY (id);\n");
    project.segue(&["lint", "--fix", CHANGE]);
    let checked = "ALTER TABLE person ADD CONSTRAINT person_id_not_null_check CHECK (id IS NOT NULL) NOT VALID;\n";
    assert_eq!(project.read(&format!("migrations/{CHANGE}")), checked);
    // With what the tail has made, the key is taken without reading a row.
    let session = database.session();
    session.run(checked);
    session.run("ALTER TABLE person VALIDATE CONSTRAINT person_id_not_null_check");
    session.run("ALTER TABLE person ALTER id DROP NOT NULL");
    session.run("CREATE UNIQUE INDEX person_pkey ON person (id)");
    session.run("SET client_min_messages = debug1");
    session.notices();
    session
        .run("ALTER TABLE person ADD CONSTRAINT person_pkey PRIMARY KEY USING INDEX person_pkey");
    let notices = session.notices().join("\n");
    assert!(!notices.contains("verifying table"), "{notices}");
    // Without the check it would be.
    session.run("ALTER TABLE person DROP CONSTRAINT person_pkey");
    session.run("ALTER TABLE person DROP CONSTRAINT person_id_not_null_check");
    session.run("ALTER TABLE person ALTER id DROP NOT NULL");
    session.run("CREATE UNIQUE INDEX person_pkey ON person (id)");
    session.notices();
    session
        .run("ALTER TABLE person ADD CONSTRAINT person_pkey PRIMARY KEY USING INDEX person_pkey");
    let notices = session.notices().join("\n");
    assert!(notices.contains("verifying table"), "{notices}");
}

#[test]
fn a_try_that_was_stopped_is_finished_by_the_next_one() {
    let database = TestDatabase::new();
    let (_, change) = CHANGES[5];
    let project = project(&database, change);
    project.segue(&["lint", "--fix", CHANGE]);
    let whole = folder(&project);
    // As after a kill before the last step: the new files are there, the old
    // one is as it was.
    project.file(CHANGE, change);
    project.segue(&["lint", "--fix", CHANGE]);
    assert_eq!(folder(&project), whole);
}

#[test]
fn nothing_is_written_without_being_asked() {
    let database = TestDatabase::new();
    let (_, change) = CHANGES[0];
    let project = project(&database, change);
    let before = folder(&project);
    let dry = project.segue(&["lint", "--fix", "--dry-run", CHANGE]);
    assert_file(
        "tests/database/lint_fix/dry-run.txt",
        &format!("{}--- stderr\n{}", dry.stdout, dry.stderr),
    );
    assert_eq!(folder(&project), before);
    // Nobody has said what is not applied yet.
    let run = project.segue(&["lint", "--fix"]);
    run.expect(
        "",
        "error: `--fix` needs to know which migrations are not applied anywhere yet
help: name the files, or the last one that is applied: `--since NAME.sql`
",
        2,
    );
    // A file that others cannot name.
    project.write("elsewhere.sql", "CREATE INDEX ON person (age);\n");
    let run = project.segue(&["lint", "--fix", "elsewhere.sql"]);
    run.expect(
        "",
        "error: `elsewhere.sql` lies in no folder of migrations, so the files that come with it could not name it
help: `segue add --no-apply elsewhere.sql` puts it there
",
        2,
    );
    assert_eq!(folder(&project), before);
    assert!(Path::new(&project.path().join("elsewhere.sql")).is_file());
}
