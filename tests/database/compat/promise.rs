//! What is promised, and a matrix in which nothing is.

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
        run.stderr.starts_with("note: no cell must work"),
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
