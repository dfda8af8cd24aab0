//! `segue lint`: what is judged, and each form of the output.
//!
//! Larger outputs stand in `lint/NAME`; `UPDATE_EXPECTED=1` writes them.

use std::process::Command;

use crate::support::{Project, assert_file};

/// Two files with findings, one waived, and one without.
fn shop() -> Project {
    let project = Project::new();
    project
        .file("1.sql", "CREATE TABLE person (id bigint, mail text);\n")
        .file(
            "2.sql",
            "CREATE INDEX person_mail\n    ON person (mail);\nCREATE INDEX ON person (id);\nCREATE INDEX ON person (id);\n",
        )
        .file(
            "3.sql",
            "-- segue: allow: rename-breaks-code, 100% of the code: reads `email`, since 2.3\n\
             -- segue: allow: index-not-concurrently, it is small\n\
             ALTER TABLE person RENAME mail TO email;\n",
        );
    project
}

#[track_caller]
fn expect(project: &Project, arguments: &[&str], name: &str, status: i32) {
    let all: Vec<&str> = ["lint"].iter().chain(arguments).copied().collect();
    let run = project.segue(&all);
    let version = format!("\"semanticVersion\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let stdout = run
        .stdout
        .replace(&version, "\"semanticVersion\": \"[version]\"");
    let stderr = match run.stderr.as_str() {
        "" => String::new(),
        stderr => format!("\n--- standard error ---\n{stderr}"),
    };
    assert_file(
        &format!("tests/offline/lint/{name}"),
        &format!("{stdout}{stderr}"),
    );
    assert_eq!(run.status, status, "{}", run.stderr);
}

#[test]
fn for_people() {
    expect(&shop(), &[], "text.txt", 1);
}

#[test]
fn warnings_count_when_strict() {
    let project = Project::new();
    project.file(
        "1.sql",
        "-- segue: allow: index-not-concurrently, it is small\nSELECT 1;\n",
    );
    expect(&project, &[], "warning.txt", 0);
    expect(&project, &["--strict"], "warning.txt", 1);
}

#[test]
fn for_programs() {
    expect(&shop(), &["--format", "json"], "json.json", 1);
}

#[test]
fn for_code_scanning() {
    let project = shop();
    project.file("4 [a].sql", "CREATE INDEX ON person (id);\n");
    let run = project.segue(&["lint", "--format", "sarif"]);
    let mut log: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let driver = &mut log["runs"][0]["tool"]["driver"];
    driver["semanticVersion"] = "[version]".into();
    // The rules are compared with their table, not with a second list.
    let rules = driver["rules"].take();
    let rules = rules.as_array().expect("a list");
    for rule in segue::lint::TABLE {
        let told = rules
            .iter()
            .find(|told| told["id"] == rule.name)
            .expect("told");
        assert_eq!(told["help"]["markdown"], rule.page);
    }
    for result in log["runs"][0]["results"].as_array_mut().expect("a list") {
        let index = result["ruleIndex"].take().as_u64().expect("a number");
        let index = usize::try_from(index).expect("small");
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    assert_file("tests/offline/lint/sarif.json", &format!("{log:#}\n"));
    assert_eq!(run.status, 1);
}

#[test]
fn for_github() {
    expect(&shop(), &["--format", "github"], "github.txt", 1);
}

#[test]
fn for_gitlab() {
    expect(&shop(), &["--format", "gitlab"], "gitlab.json", 1);
}

#[test]
fn what_is_named_is_one_deployment() {
    let project = shop();
    project
        .segue(&["lint", "1.sql", "migrations/2.sql"])
        .expect(
            "
        nothing found in 2 files
        ",
            "",
            0,
        );
    project.write("draft.sql", "CREATE INDEX ON person (id);\n");
    project.segue(&["lint", "draft.sql"]).expect(
        "
        error[index-not-concurrently]: no row of `person` can be written while this index is built
          --> draft.sql:1:8
          |
        1 | CREATE INDEX ON person (id);
          |        ^^^^^ locks the table against writes
          = help: build it with `CREATE INDEX CONCURRENTLY` in a file of its own, which begins with `-- segue: begin-concurrent-migration-with: FILE`

        1 error in 1 file
        ",
        "",
        1,
    );
    project.segue(&["lint", "4.sql"]).expect(
        "",
        "
        error: there is no file `4.sql`
        help: did you mean `1.sql`?
        ",
        2,
    );
}

#[test]
fn a_file_that_takes_back_finds_what_its_migration_has_made() {
    let project = Project::new();
    project
        .file("1.sql", "CREATE TABLE person (name text);\n")
        .file("2.sql", "ALTER TABLE person ADD COLUMN email text;\n")
        .file("2.revert.sql", "CREATE INDEX ON person (email);\n")
        .file("3.sql", "ALTER TABLE person RENAME TO people;\n");
    project
        .segue(&["lint", "migrations/2.revert.sql"])
        .expect(
            "
        error[index-not-concurrently]: no row of `person` can be written while this index is built
          --> migrations/2.revert.sql:1:8
          |
        1 | CREATE INDEX ON person (email);
          |        ^^^^^ locks the table against writes
          = help: build it with `CREATE INDEX CONCURRENTLY` in a file of its own, which begins with `-- segue: begin-concurrent-migration-with: FILE`

        1 error in 1 file
        ",
            "",
            1,
        );
}

#[test]
fn a_file_needs_no_folder() {
    let project = Project::new();
    std::fs::remove_dir(project.path().join("migrations")).expect("a folder");
    project.write("draft.sql", "CREATE TABLE t (a int);\n");
    project.segue(&["lint", "draft.sql"]).expect(
        "
        nothing found in 1 file
        ",
        "",
        0,
    );
}

#[test]
fn what_was_there_before_is_not_judged() {
    let project = shop();
    for arguments in [&["lint", "--since", "2.sql"][..], &["lint", "3.sql"]] {
        project.segue(arguments).expect(
            "
            warning[unused-waiver]: nothing in this file needs `index-not-concurrently` to be waived
              --> migrations/3.sql:2:18
              |
            2 | -- segue: allow: index-not-concurrently, it is small
              |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ waives nothing
              = help: remove the line

            1 warning, 1 waived in 1 file
            ",
            "",
            0,
        );
    }
    project.write("segue.toml", "[lint]\nsince = \"3.sql\"\n");
    project.segue(&["lint"]).expect(
        "
        nothing found in 0 files
        ",
        "",
        0,
    );
    project.segue(&["lint", "--since", "22.sql"]).expect(
        "",
        "
        error: `--since` names `22.sql`, and there is no such migration
        help: did you mean `2.sql`?
        ",
        2,
    );
}

#[test]
fn what_git_has_is_not_judged() {
    let project = shop();
    let git = |arguments: &[&str]| {
        let run = Command::new("git")
            .current_dir(project.path())
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"])
            .args(arguments)
            .output()
            .expect("git");
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
    };
    git(&["init", "-q"]);
    git(&["add", "migrations/1.sql", "migrations/2.sql"]);
    git(&["commit", "-q", "-m", "two"]);
    let run = project.segue(&["lint", "--since", "HEAD"]);
    assert!(
        run.stdout.ends_with("1 warning, 1 waived in 1 file\n"),
        "{}",
        run.stdout
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    let run = project.segue(&["lint", "--since", "nowhere"]);
    run.expect(
        "",
        "
        error: cannot ask git what `nowhere` has
        note: fatal: Not a valid object name nowhere
        help: `--since NAME.sql` needs no git
        ",
        2,
    );
}

#[test]
fn a_rule_can_be_turned_off() {
    let project = shop();
    project.write("segue.toml", "[lint]\noff = [\"index-not-concurrently\"]\n");
    project.segue(&["lint"]).expect(
        "
        nothing found, 1 waived in 3 files
        ",
        "",
        0,
    );
    project.write("segue.toml", "[lint]\noff = [\"index-not-concurently\"]\n");
    project.segue(&["lint"]).expect(
        "",
        "
        error[invalid-configuration]: `index-not-concurently` is no rule of `segue lint`
          --> segue.toml:2:8
          |
        2 | off = [\"index-not-concurently\"]
          |        ^^^^^^^^^^^^^^^^^^^^^^^ not known
          = help: did you mean `index-not-concurrently`?
        ",
        2,
    );
}

#[test]
fn an_invalid_file_comes_first() {
    let project = shop();
    project.file("4.sql", "VACUUM person;\n");
    expect(&project, &[], "invalid.txt", 3);
    expect(&project, &["--format", "github"], "invalid-github.txt", 3);
    // What is wrong with a file that is not judged is nobody's business here.
    let run = project.segue(&["lint", "1.sql"]);
    assert_eq!(run.status, 0, "{}", run.stdout);
}

#[test]
fn no_database_is_asked() {
    let mut project = shop();
    project.env("DATABASE_URL", "postgres://nowhere.invalid/x");
    assert_eq!(project.segue(&["lint", "1.sql"]).status, 0);
    project
        .segue(&["lint", "--database-url", "postgres:///x"])
        .expect(
            "",
            "
            error: `segue lint` does not work on `--database-url`
            help: leave it out: no database is asked
            ",
            2,
        );
}

#[test]
fn what_a_variable_holds_is_read_and_not_shown() {
    let mut project = Project::new();
    project.env("TABLE", "person_secret");
    project.file(
        "1.sql",
        "-- segue: env-vars: TABLE\nCREATE INDEX ON ${TABLE} (id);\n",
    );
    let run = project.segue(&["lint"]);
    run.expect(
        "
        error[index-not-concurrently]: no row of `${TABLE}` can be written while this index is built
          --> migrations/1.sql:2:8
          |
        2 | CREATE INDEX ON ${TABLE} (id);
          |        ^^^^^ locks the table against writes
          = help: build it with `CREATE INDEX CONCURRENTLY` in a file of its own, which begins with `-- segue: begin-concurrent-migration-with: FILE`

        1 error in 1 file
        ",
        "",
        1,
    );
}
