//! Owners and privileges of relations.

use serde_json::json;

use crate::support::{TestDatabase, assert_objects};

#[test]
fn of_relations_and_columns() {
    let database = TestDatabase::new();
    let owner = database.role("owner", "");
    let reader = database.role("reader", "");
    let writer = database.role("writer", "");
    database.run(&format!(
        "CREATE TABLE t (a int, b int);
         ALTER TABLE t OWNER TO {owner};
         GRANT SELECT ON t TO public;
         GRANT SELECT, INSERT ON t TO {writer} WITH GRANT OPTION;
         GRANT SELECT (a), UPDATE (b) ON t TO {reader};
         SET ROLE {writer};
         GRANT SELECT ON t TO {reader};
         RESET ROLE;
         GRANT SELECT ON t TO {reader};
         CREATE SEQUENCE s;
         GRANT USAGE ON s TO {reader}"
    ));
    assert_objects(
        &database,
        &json!({
            "sequence s": {
                "increment": 1,
                "maximum": 9_223_372_036_854_775_807_i64,
                "minimum": 1,
                "privileges": {"reader": ["USAGE"]},
                "start": 1,
                "type": "bigint",
            },
            "table t": {
                "columns": {
                    "a": {"privileges": {"reader": ["SELECT"]}, "type": "integer"},
                    "b": {"privileges": {"reader": ["UPDATE"]}, "type": "integer"},
                },
                "owner": "owner",
                "privileges": {
                    "public": ["SELECT"],
                    "reader": ["SELECT"],
                    "writer": ["INSERT WITH GRANT OPTION", "SELECT WITH GRANT OPTION"],
                },
            },
        }),
    );
}

#[test]
fn set_back_to_the_default_they_read_as_never_touched() {
    let database = TestDatabase::new();
    let reader = database.role("reader", "");
    database.run(&format!(
        "CREATE TABLE t ();
         GRANT SELECT ON t TO {reader};
         REVOKE SELECT ON t FROM {reader}"
    ));
    assert_objects(&database, &json!({"table t": {}}));
}

#[test]
fn an_owner_may_have_less() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (); REVOKE ALL ON t FROM postgres");
    assert_objects(&database, &json!({"table t": {"owner_privileges": []}}));
    database.run("GRANT SELECT, UPDATE ON t TO postgres");
    assert_objects(
        &database,
        &json!({"table t": {"owner_privileges": ["SELECT", "UPDATE"]}}),
    );
}

#[test]
fn policies_name_their_roles() {
    let database = TestDatabase::new();
    let one = database.role("one", "");
    let two = database.role("two", "");
    database.run(&format!(
        "CREATE TABLE t (); CREATE POLICY p ON t TO {two}, {one}"
    ));
    assert_objects(
        &database,
        &json!({"table t": {"policies": {"p": {"roles": ["one", "two"]}}}}),
    );
}
