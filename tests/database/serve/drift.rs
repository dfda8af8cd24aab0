//! Drift, by `/metrics`.

use super::{Served, project};
use crate::support::{TestDatabase, wait_until};

#[test]
fn drift_is_counted_while_everything_is_settled() {
    let (database, twin) = (TestDatabase::new(), TestDatabase::new());
    let project = project(&database);
    let url = twin.url();
    project
        .segue(&["up", "--database-url", &url])
        .expect_success();
    let written = project.segue(&["write-schema", "--database-url", &url]);
    written.expect_success();
    let served = Served::start(&project, &["--drift-every", "100ms"]);
    served.wait_for_ready("503 not ready: 1 migration pending: `1-t.sql`; nobody works on it yet");
    let drift = || {
        let metrics = served.get("/metrics").body;
        let mut lines = metrics.lines();
        let found =
            lines.find_map(|line| line.strip_prefix("segue_drift_objects{project=\"main\"} "));
        found.map(ToOwned::to_owned)
    };
    assert_eq!(drift(), None);
    project.segue(&["up"]).expect_success();
    wait_until("no drift", || drift().as_deref() == Some("0"));
    database.run("CREATE TABLE stranger (a int); ALTER TABLE t ADD COLUMN b int");
    wait_until("two objects", || drift().as_deref() == Some("2"));
    database.run("DROP TABLE stranger");
    wait_until("one object", || drift().as_deref() == Some("1"));
    // What a deployment does is no drift.
    project.file("2-u.sql", "CREATE TABLE u (a int);\n");
    project
        .segue(&["up", "--on-mismatch", "warn"])
        .expect_success();
    wait_until("nothing to compare with", || drift().is_none());
}
