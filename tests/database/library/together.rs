//! Several deployments in one process, and one in several tasks.

use super::{Done as _, TRIPLE, applied, deployment, embedded, spawn, wait_until_free};
use crate::support::{Server, TestDatabase};

#[test]
fn ten_at_once_apply_each_migration_once() {
    let database = TestDatabase::new();
    let runs = (0..10).map(|_| {
        let deployment = deployment(&database, &TRIPLE);
        spawn(async move {
            let ready = deployment.up().await.expect("ready");
            let number = ready.deployment();
            ready.settle().await.expect("settled");
            number
        })
    });
    for run in runs.collect::<Vec<_>>() {
        assert_eq!(run.done().expect("no panic"), Some(1));
    }
    assert_eq!(applied(&database), "a.sql b.sql");
    assert_eq!(database.query("SELECT count(*) FROM t"), "100");
    assert_eq!(
        database.query("SELECT count(*), min(state) FROM segue.deployment"),
        "1|settled"
    );
    wait_until_free(&database);
}

#[test]
fn two_projects_share_a_database() {
    let database = TestDatabase::new();
    let billing = [("a.sql", "CREATE TABLE billing ();")];
    let shop = [("a.sql", "CREATE TABLE shop ();")];
    let of = |project: &str, files| {
        let deployment = deployment(&database, files).project(project);
        spawn(async move { deployment.up().await.map(|ready| ready.deployment()) })
    };
    let (billing, shop) = (of("billing", &billing), of("shop", &shop));
    billing.done().expect("no panic").expect("ready");
    shop.done().expect("no panic").expect("ready");
    assert_eq!(database.relations(), "billing shop");
    assert_eq!(
        database.query("SELECT project, file FROM segue.migration ORDER BY project"),
        "billing|a.sql\nshop|a.sql"
    );
}

#[test]
fn a_server_that_restarts_in_the_middle() {
    let server = Server::restarting();
    let database = TestDatabase::on(&server);
    let files = [
        (
            "a.sql",
            "CREATE TABLE t (n int);\nINSERT INTO t VALUES (1);\nSELECT pg_sleep(1);",
        ),
        TRIPLE[1],
    ];
    let of = segue::Deployment::new(embedded(&files))
        .database(database.url())
        .fold(false);
    let running = spawn(async move {
        let ready = of.up().await?;
        ready.settle().await
    });
    crate::support::wait_until("the statement to begin", || {
        database.running("SELECT pg_sleep(1)%").is_some()
    });
    server.crash();
    running.done().expect("no panic").expect("settled");
    assert_eq!(applied(&database), "a.sql b.sql");
    assert_eq!(database.query("SELECT count(*) FROM t"), "1");
}
