//! Scratch databases on a server of the user's (`--on URL`).

use std::time::Duration;

use segue::postgres::scratch::{PREFIX, Scratch};
use segue::postgres::target::Environment;
use segue::postgres::{Error, Session, Target};

use crate::support::{PATIENCE, Server, TestDatabase};

fn target(url: &str) -> Target {
    Target::resolve(Some(url), &Environment::default()).expect("a URL")
}

/// Where scratch databases are made; a server without other tests' ones.
struct Place {
    server: Server,
}

impl Place {
    fn new() -> Self {
        Self {
            server: Server::start(&[]),
        }
    }

    async fn session(&self, database: &str) -> Session {
        let target = target(&self.server.url(database));
        Session::connect(&target, Duration::ZERO)
            .await
            .expect("a session")
    }

    async fn create(&self, database: &str) -> Scratch {
        let target = target(&self.server.url(database));
        Scratch::create(&target, Duration::ZERO)
            .await
            .expect("a database")
    }

    /// Names of what looks like one, in order.
    async fn databases(&self) -> Vec<String> {
        let sql = format!(
            "SELECT datname FROM pg_database WHERE starts_with(datname, '{PREFIX}') \
             ORDER BY datname COLLATE \"C\""
        );
        let session = self.session("postgres").await;
        let rows = session.query(&sql).await.expect("rows");
        rows.into_iter().flatten().flatten().collect()
    }

    /// Waits until so many keepers are left.
    async fn keepers(&self, count: &str) {
        let session = self.session("postgres").await;
        let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
        let wait = async {
            while session.value(sql).await.expect("a count").as_deref() != Some(count) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("the keepers' end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_there_until_it_is_dropped() {
    let place = Place::new();
    let scratch = place.create("postgres").await;
    assert_eq!(place.databases().await, [scratch.name()]);
    // Whoever is still connected does not hold up its end.
    let user = Session::connect(&scratch.target(), Duration::ZERO)
        .await
        .expect("a session");
    let database = user
        .value("SELECT current_database()")
        .await
        .expect("a name");
    assert_eq!(database.as_deref(), Some(scratch.name()));
    user.execute("BEGIN").await.expect("a transaction");
    scratch.drop().await.expect("no more of it");
    assert_eq!(place.databases().await, [""; 0]);
    place.keepers("0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_run_drops_what_a_dead_one_left_and_nothing_in_use() {
    let place = Place::new();
    let session = place.session("postgres").await;
    for name in ["elsewhere", "segue_scratch_of_mine"] {
        session
            .execute(&format!("CREATE DATABASE {name}"))
            .await
            .expect("a database");
    }
    let in_use = place.create("postgres").await;
    // A keeper in another database counts all the same.
    let in_use_elsewhere = place.create("elsewhere").await;
    let left = place.create("postgres").await;
    let left_but_looked_into = place.create("postgres").await;
    let person = Session::connect(&left_but_looked_into.target(), Duration::ZERO).await;
    // Dropping the values, not the databases, is what a run's death does.
    let left_name = left.name().to_owned();
    let mut expected = vec![
        "segue_scratch_of_mine".to_owned(),
        in_use.name().to_owned(),
        in_use_elsewhere.name().to_owned(),
        left_but_looked_into.name().to_owned(),
    ];
    drop((left, left_but_looked_into));
    place.keepers("2").await;

    let next = place.create("elsewhere").await;
    expected.push(next.name().to_owned());
    expected.sort();
    assert_eq!(place.databases().await, expected);
    assert!(!expected.contains(&left_name));
    person.expect("a session").close().await;
}

#[test]
fn a_role_that_may_not_create_databases_is_told() {
    let database = TestDatabase::new();
    let target = target(&database.url_as(&database.role("poor", "LOGIN")));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let error = runtime
        .block_on(Scratch::create(&target, Duration::ZERO))
        .expect_err("an error");
    let Error::Server(error) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (error.sqlstate.as_str(), error.message.as_str()),
        ("42501", "permission denied to create database")
    );
}
