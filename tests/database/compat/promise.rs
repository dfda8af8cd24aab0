//! What is promised, and a matrix in which nothing is; where a report is
//! written.

use super::{compat, good, ran};

/// The last lines of a text.
fn last(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n") + "\n"
}

#[test]
fn a_matrix_that_promises_nothing_is_not_green() {
    let project = good();
    project.write(
        "segue.toml",
        "[versions]\noldest = \"5.0\"\n[[compat.app]]\nversion = \"1.0.0\"\npath = \"apps/1.0.0\"\ntest = \"true\"\n",
    );
    let run = compat(&project, &[]);
    assert_eq!(last(&run.stdout, 1), "6 cells: 6 work\n");
    assert_eq!(
        (run.stderr.as_str(), run.status),
        (
            "     Testing 6 cells
error: no cell must work, so nothing is promised
note: code 1.0.0 is older than 5.0.0, the oldest in [versions]
note: the versions of these states: 1.0.0, 1.1.0 and 2.0.0
help: correct `oldest` of [versions], or add code that is supported to [[compat.app]]
",
            1
        )
    );
    let run = compat(&project, &["--format", "json"]);
    assert!(run.stdout.contains("\"ok\": false"), "{}", run.stdout);
    // Who asks for a part of it knows what is asked for.
    let run = compat(&project, &["--state", "latest"]);
    assert_eq!(run.status, 0);
    assert!(
        run.stderr.contains("Note no cell must work"),
        "{}",
        run.stderr
    );

    let text = project.read("migrations/1-jobs.sql");
    for name in ["1-jobs.sql", "2-add.sql", "4-drop.sql"] {
        let text = project.read(&format!("migrations/{name}"));
        project.file(
            name,
            &text.replace("-- segue: schema-version", "-- formerly"),
        );
    }
    assert_ne!(text, project.read("migrations/1-jobs.sql"));
    let run = compat(&project, &["-q", "--promised"]);
    assert_eq!(
        (run.stderr.as_str(), run.status),
        (
            "error: no cell must work, so nothing is promised
note: code 1.0.0 is older than 5.0.0, the oldest in [versions]
note: no migration of these states says `schema-version`
help: write `-- segue: schema-version: 1.0.0` into the one with which that version is reached
",
            1
        )
    );
    assert_eq!(ran(&project), [""; 0]);
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_the_tests() {
    let project = good();
    let run = compat(&project, &["--output", "no/folder"]);
    assert_eq!(
        (run.stderr.as_str(), run.status),
        (
            "error: cannot write `no/folder`: No such file or directory (os error 2)\n",
            4
        )
    );
    assert_eq!(ran(&project), [""; 0]);
    // It is no part of the code that stands beside it.
    let path = "apps/2.0.0/matrix.txt";
    let all = ["--app", "2.0", "--state", "latest", "--output", path];
    assert_eq!(compat(&project, &all).status, 0);
    let first = project.read(path);
    assert_eq!(ran(&project).len(), 1);
    let run = compat(&project, &all);
    assert_eq!(
        run.stdout,
        "1 cell: 1 must work; 1 as seen by an earlier run\n"
    );
    assert_eq!(ran(&project), [""; 0]);
    assert!(project.read(path).len() > first.len());
    // Nothing is left of a report that was not to be.
    let wrong = ["--app", "2.0", "--state", "none", "--output", "new"];
    assert_eq!(compat(&project, &wrong).status, 2);
    assert!(!project.path().join("new").exists());
}
