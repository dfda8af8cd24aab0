//! Several deployments in one process, and one in several tasks.

use super::{TRIPLE, applied, deployment, embedded, wait_until_free};
use crate::support::{Server, TestDatabase};

#[tokio::test(flavor = "multi_thread")]
async fn ten_at_once_apply_each_migration_once() {
    let database = TestDatabase::new();
    let runs = (0..10).map(|_| {
        let deployment = deployment(&database, &TRIPLE);
        tokio::spawn(async move {
            let ready = deployment.up().await.expect("ready");
            let number = ready.deployment();
            ready.settle().await.expect("settled");
            number
        })
    });
    for run in runs.collect::<Vec<_>>() {
        assert_eq!(run.await.expect("no panic"), Some(1));
    }
    assert_eq!(applied(&database), "a.sql b.sql");
    assert_eq!(database.query("SELECT count(*) FROM t"), "100");
    assert_eq!(
        database.query("SELECT count(*), min(state) FROM segue.deployment"),
        "1|settled"
    );
    wait_until_free(&database);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_projects_share_a_database() {
    let database = TestDatabase::new();
    let billing = [("a.sql", "CREATE TABLE billing ();")];
    let shop = [("a.sql", "CREATE TABLE shop ();")];
    let of = |project: &str, files| {
        let deployment = deployment(&database, files).project(project);
        tokio::spawn(async move { deployment.up().await.map(|ready| ready.deployment()) })
    };
    let (billing, shop) = (of("billing", &billing), of("shop", &shop));
    billing.await.expect("no panic").expect("ready");
    shop.await.expect("no panic").expect("ready");
    assert_eq!(database.relations(), "billing shop");
    assert_eq!(
        database.query("SELECT project, name FROM segue.migration ORDER BY project"),
        "billing|a.sql\nshop|a.sql"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_in_the_middle() {
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
    let running = tokio::spawn(async move {
        let ready = of.up().await?;
        ready.settle().await
    });
    crate::support::wait_until("the statement to begin", || {
        database.running("SELECT pg_sleep(1)%").is_some()
    });
    server.crash();
    running.await.expect("no panic").expect("settled");
    assert_eq!(applied(&database), "a.sql b.sql");
    assert_eq!(database.query("SELECT count(*) FROM t"), "1");
}
