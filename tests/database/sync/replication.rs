//! A subscriber's own triggers, which logical replication runs only if they
//! are `ALWAYS`.

use segue::postgres::ledger::Ledger;

use crate::support::{Server, TestDatabase, assert_text, wait_until};

/// What a subscriber has of rows that a publisher without the new column has
/// written.
fn subscriber(always: bool) -> String {
    let server = Server::start(&[("wal_level", "logical")]);
    let [publisher, subscriber] = [(); 2].map(|()| TestDatabase::on(&server));
    publisher.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text);
         INSERT INTO t VALUES (1, 'ONE');
         CREATE PUBLICATION everything FOR TABLE t",
    );
    let slot = publisher.name();
    // One that a subscription makes on its own server waits for itself.
    publisher.run(&format!(
        "SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"
    ));
    subscriber.run(&Ledger::script(None, &[]));
    subscriber.run("CREATE TABLE t (id int PRIMARY KEY, a text, b text)");
    subscriber.run(&format!(
        "CREATE SCHEMA app; CREATE FUNCTION app.small(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';
         SET search_path = app, public;
         SELECT segue.keep_in_sync('t', 'b', 'small(a)', always => {always})"
    ));
    let url: tokio_postgres::Config = publisher.url().parse().expect("a URL");
    let host = url.get_hosts().first().map(|host| match host {
        tokio_postgres::config::Host::Unix(folder) => folder.display().to_string(),
        tokio_postgres::config::Host::Tcp(name) => name.clone(),
    });
    subscriber.run(&format!(
        "CREATE SUBSCRIPTION {slot} CONNECTION 'host={} port={} user={} dbname={}' PUBLICATION everything WITH (create_slot = false)",
        host.expect("a host"),
        url.get_ports().first().copied().unwrap_or(5432),
        url.get_user().expect("a user"),
        publisher.name(),
    ));
    publisher.run("INSERT INTO t VALUES (2, 'TWO'), (3, 'THREE')");
    publisher.run("UPDATE t SET a = 'OTHER' WHERE id = 1");
    publisher.run("DELETE FROM t WHERE id = 3");
    let state = "SELECT string_agg(id || ':' || a, ' ' ORDER BY id) FROM t";
    wait_until("the subscriber", || {
        subscriber.query(state) == "1:OTHER 2:TWO"
    });
    let rows = subscriber
        .query("SELECT string_agg(id || ':' || coalesce(b, '-'), ' ' ORDER BY id) FROM t");
    // The slot is let go of before the databases are dropped.
    subscriber.run(&format!("ALTER SUBSCRIPTION {slot} DISABLE"));
    wait_until("the slot to be free", || {
        publisher.query("SELECT count(*) FROM pg_replication_slots WHERE active") == "0"
    });
    publisher.run(&format!("SELECT pg_drop_replication_slot('{slot}')"));
    rows
}

#[test]
fn always() {
    assert_text("rows", &subscriber(true), "1:other 2:two");
}

#[test]
fn not_asked_for() {
    assert_text("rows", &subscriber(false), "1:- 2:-");
}
