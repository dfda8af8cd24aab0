//! `--migration`: one that is named, where there are no files.

use super::{concurrent, project_on, reached};
use crate::support::{Project, TestDatabase};

/// An application image without migrations.
fn image(database: &TestDatabase<'_>) -> Project {
    let mut image = Project::on(database);
    std::fs::remove_dir(image.path().join("migrations")).expect("an empty folder");
    image.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[t]");
    image
}

#[test]
fn it_is_ready_with_the_deployment_that_applied_it() {
    let database = TestDatabase::new();
    let (project, image) = (project_on(&database), image(&database));
    let waiting = image.spawn(&["wait", "--migration", "1-t.sql", "--timeout", "60s"]);
    waiting.wait_for_stderr("1 migration pending: `1-t.sql`; nobody works on it yet");
    project.segue(&["up"]).expect_success();
    reached(waiting, "ready: deployment 1\n");
    image
        .segue(&["wait", "settled", "--migration", "migrations/1-t.sql"])
        .expect("settled: deployment 1", "", 0);
    image
        .segue(&["wait", "--migration", "2-u.sql", "--timeout", "3s"])
        .expect(
            "",
            "
                 Waiting 1 migration pending: `2-u.sql`; nobody works on it yet
            error: not ready after [t]
            note: 1 migration pending: `2-u.sql`; nobody works on it yet
            help: `--timeout` sets how long to wait
            ",
            5,
        );
    image.segue(&["wait", "--migration", "1-t"]).expect(
        "",
        "
        error: invalid value '1-t' for '--migration <NAME>': the name of a migration ends in `.sql`

        For more information, try '--help'.
        ",
        2,
    );
}

#[test]
fn a_concurrent_one_is_waited_for_until_it_is_applied() {
    let database = TestDatabase::new();
    let (project, image) = (project_on(&database), image(&database));
    project.file(
        "2-i.sql",
        &concurrent("CREATE INDEX CONCURRENTLY t_a ON t (a);"),
    );
    project.segue(&["up", "--until", "ready"]).expect_success();
    image
        .segue(&["wait", "--migration", "1-t.sql"])
        .expect("ready: deployment 1", "", 0);
    let settled = image.spawn(&["wait", "settled", "--migration", "1-t.sql"]);
    settled.wait_for_stderr("deployment 1 is ready; its tail is not done: `2-i.sql`");
    let index = image.spawn(&["wait", "--migration", "2-i.sql"]);
    index.wait_for_stderr("1 migration pending: `2-i.sql`");
    project.segue(&["settle"]).expect_success();
    reached(settled, "settled: deployment 1\n");
    reached(index, "ready: deployment 1\n");
}
