//! `segue explain` and `segue completions`.

use crate::support::Project;

#[test]
fn a_status_is_explained() {
    Project::new().segue(&["explain", "5"]).expect(
        "
        # Exit status 5: a wait reached its bound

        Something was waited for until the bound was reached: a lock, another run, a concurrent migration elsewhere, readiness. The message names what it was and the option that sets the bound. Running it again goes on waiting.
        ",
        "",
        0,
    );
}

#[test]
fn a_code_is_explained() {
    Project::new().segue(&["explain", "later-migration"]).expect(
        "
        # later-migration

        Migrations run in the order of their file names, so a directive can only name one that comes before its own file.
        ",
        "",
        0,
    );
}

#[test]
fn each_directive_has_its_page() {
    for entry in segue::directive::TABLE {
        Project::new()
            .segue(&["explain", entry.name])
            .expect(entry.page.trim_end(), "", 0);
    }
}

#[test]
fn each_rule_has_its_page() {
    for rule in segue::lint::TABLE {
        Project::new()
            .segue(&["explain", rule.name])
            .expect(rule.page.trim_end(), "", 0);
    }
}

#[test]
fn a_misspelt_subject_is_corrected() {
    Project::new().segue(&["explain", "no-tnx"]).expect(
        "",
        "
        error: `no-tnx` is neither a directive, a rule, a code nor an exit status
        help: did you mean `no-txn`?
        ",
        2,
    );
    Project::new().segue(&["explain", "7"]).expect(
        "",
        "
        error: `7` is neither a directive, a rule, a code nor an exit status
        help: `segue explain` lists all of them
        ",
        2,
    );
}

#[test]
fn completions_know_the_commands() {
    let run = Project::new().segue(&["completions", "bash"]);
    run.expect_success();
    for command in [
        "up", "settle", "abandon", "plan", "status", "wait", "init", "explain",
    ] {
        assert!(
            run.stdout.contains(&format!("segue,{command})")),
            "{command}"
        );
    }
    assert!(!run.stdout.contains("__supervise"));
}
