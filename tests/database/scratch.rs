//! Scratch databases on a server of the user's (`--on URL`).

use segue::postgres::scratch::{Error, PREFIX, Scratch};
use tokio_postgres::{Client, NoTls};

use crate::support::{Server, TestDatabase};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("a session");
    tokio::spawn(connection);
    client
}

async fn scratch_databases(client: &Client) -> Vec<String> {
    let sql = "SELECT datname::text FROM pg_database WHERE starts_with(datname::text, $1)";
    let rows = client.query(sql, &[&PREFIX]).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

/// A server without other tests' scratch databases.
fn server() -> Server {
    Server::start(&[])
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_there_until_it_is_dropped() {
    let server = server();
    let keeper = connect(&server.url("postgres")).await;
    let scratch = Scratch::create(&keeper).await.expect("a database");
    assert_eq!(scratch_databases(&keeper).await, [scratch.name()]);
    // Whoever is still connected does not hold up its end.
    let user = connect(&server.url(scratch.name())).await;
    user.batch_execute("BEGIN; CREATE TABLE t (a int)")
        .await
        .expect("a transaction");
    scratch.drop(&keeper).await.expect("no more of it");
    assert_eq!(scratch_databases(&keeper).await, [""; 0]);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    let locks: i64 = keeper.query_one(locks, &[]).await.expect("a row").get(0);
    assert_eq!(locks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_run_drops_what_a_dead_one_left_and_nothing_in_use() {
    let server = server();
    let watcher = connect(&server.url("postgres")).await;
    watcher
        .batch_execute("CREATE DATABASE elsewhere")
        .await
        .expect("a database");
    let (first, dying) = (
        connect(&server.url("postgres")).await,
        // Another database: its lock counts all the same.
        connect(&server.url("elsewhere")).await,
    );
    let in_use = Scratch::create(&first).await.expect("a database");
    let left = Scratch::create(&dying).await.expect("a database");
    let in_use_elsewhere = {
        let keeper = connect(&server.url("postgres")).await;
        let scratch = Scratch::create(&keeper).await.expect("a database");
        (keeper, scratch)
    };
    // Somebody looks into what a dead run left.
    let watched = Scratch::create(&dying).await.expect("a database");
    let person = connect(&server.url(watched.name())).await;
    drop(dying);
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    while watcher
        .query_one(sql, &[])
        .await
        .expect("a row")
        .get::<_, i64>(0)
        != 2
    {
        tokio::task::yield_now().await;
    }
    watcher
        .batch_execute("CREATE DATABASE segue_scratch_of_mine")
        .await
        .expect("a database");

    let next = Scratch::create(&watcher).await.expect("a database");
    let mut expected = vec![
        in_use.name().to_owned(),
        in_use_elsewhere.1.name().to_owned(),
        next.name().to_owned(),
        watched.name().to_owned(),
        "segue_scratch_of_mine".to_owned(),
    ];
    expected.sort();
    let mut there = scratch_databases(&watcher).await;
    there.sort();
    assert_eq!(there, expected);
    assert!(!there.contains(&left.name().to_owned()));
    drop(person);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_create_databases_is_told() {
    let database = tokio::task::spawn_blocking(TestDatabase::new)
        .await
        .expect("a database");
    let (database, url) = tokio::task::spawn_blocking(move || {
        let role = database.role("poor", "LOGIN");
        let url = database.url_as(&role);
        (database, url)
    })
    .await
    .expect("a role");
    {
        let keeper = connect(&url).await;
        let Error::Create { source, .. } = Scratch::create(&keeper).await.expect_err("an error")
        else {
            panic!("another error");
        };
        let error = source.as_db_error().expect("the server's");
        assert_eq!(error.message(), "permission denied to create database");
    }
    tokio::task::spawn_blocking(move || drop(database))
        .await
        .expect("no panic");
}
