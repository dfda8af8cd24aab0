use std::sync::Arc;

use super::*;
use crate::diagnostic::code;
use crate::rehearsal::{Finding, Step};
use crate::text::{Source, Span};

fn repository() -> Repository {
    Repository {
        top: Some("/ci/shop".into()),
        here: "/ci/shop/db".into(),
    }
}

fn checked() -> Checked {
    let source = Arc::new(Source::new(
        "./migrations/a,b.sql",
        "SELECT 1;\nSELECT x;\n",
    ));
    let wrong = Diagnostic::new(code::SERVER_ERROR, "100% wrong: `x`, \"y\"")
        .source(&source)
        .label(Span::new(17, 18), "here")
        .note("a note\r\nof two lines")
        .help("do this");
    let told = Diagnostic::new(code::UNLISTED_MAJOR, "an old part");
    let lost = Diagnostic::new(code::SECOND_UP, "something ran");
    let mut checked = Checked::default();
    checked.findings_of_all([
        Finding::new(Step::Fresh, wrong),
        Finding::new(Step::Files, told).about("../expected/pg14"),
        Finding::new(Step::Again, lost),
    ]);
    checked
}

#[test]
fn a_workflow_command_is_one_line_and_its_parts_are_escaped() {
    let expected = "\
::error file=db/migrations/a%2Cb.sql,line=2,title=server-error::100%25 wrong: `x`, \"y\"%0Aa note%0D%0Aof two lines%0Ahelp: do this
::warning file=expected/pg14,line=1,title=unlisted-major::an old part
::error title=second-up::something ran
2 findings
";
    assert_eq!(github(&checked(), &repository()), expected);
}

#[test]
fn a_code_quality_issue_has_all_that_gitlab_asks_for() {
    let report = gitlab(&checked(), &repository());
    let mut issues = report.as_array().expect("a list").clone();
    let mut fingerprints = Vec::new();
    for issue in &mut issues {
        let fingerprint = issue["fingerprint"].take();
        let fingerprint = fingerprint.as_str().expect("a text").to_owned();
        assert_eq!(fingerprint.len(), 32);
        fingerprints.push(fingerprint);
    }
    fingerprints.sort();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 3);
    let issue = |description: &str, code: &str, severity: &str, path: &str, line: usize| {
        json!({
            "description": description,
            "check_name": code,
            "fingerprint": null,
            "severity": severity,
            "location": { "path": path, "lines": { "begin": line } },
        })
    };
    assert_eq!(
        issues,
        [
            issue(
                "100% wrong: `x`, \"y\"\na note\r\nof two lines\nhelp: do this",
                "server-error",
                "major",
                "db/migrations/a,b.sql",
                2,
            ),
            issue("an old part", "unlisted-major", "minor", "expected/pg14", 1),
            issue("something ran", "second-up", "major", "db/segue.toml", 1),
        ]
    );
}

#[test]
fn without_a_ci_job_files_are_named_from_here() {
    let repository = Repository {
        top: None,
        here: "/home/ada/shop".into(),
    };
    assert_eq!(repository.path("./migrations/a.sql"), "migrations/a.sql");
    assert_eq!(repository.path("../b.sql"), "../b.sql");
    assert_eq!(repository.path("/home/ada/shop/c.sql"), "c.sql");
}
