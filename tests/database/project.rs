//! What is redacted in a run with a database.

use crate::support::{Project, TestDatabase};

#[test]
fn a_run_is_compared_whole_and_what_varies_is_redacted() {
    let database = TestDatabase::new();
    let mut project = Project::on(&database);
    project.redact("secret", "[word]");
    let text = format!(
        "{} {} pid 4711 2026-01-02 03:04:05.678+00 in 12.5 ms, at most 50ms, secret",
        project.path().display(),
        database.url(),
    );
    let run = project.output_of(std::process::Command::new("printf").args(["%s", &text]));
    run.expect(
        "[project] [url] pid [pid] [time] in [duration], at most 50ms, [word]",
        "",
        0,
    );
}
