//! A test's database leaves nothing behind.

use crate::support::{Server, TestDatabase, TestSession};

#[test]
fn a_database_is_dropped_with_its_prepared_transactions_and_roles() {
    let database = TestDatabase::new();
    let name = database.name().to_owned();
    let role = database.role("reader", "LOGIN");
    assert_eq!(
        TestSession::connect(&database.url_as(&role)).query("SELECT current_user"),
        role
    );
    let session = database.session();
    session.run("BEGIN");
    session.run("CREATE TABLE t (a int)");
    session.run(&format!("PREPARE TRANSACTION '{name}'"));
    drop(database);
    let session = TestSession::connect(&Server::shared().url("postgres"));
    let left = session.query(&format!(
        "SELECT datname FROM pg_database WHERE datname = '{name}' \
         UNION ALL SELECT rolname FROM pg_roles WHERE rolname = '{role}'"
    ));
    assert_eq!(left, "");
}
