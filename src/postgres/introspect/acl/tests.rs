use serde_json::json;

use super::{Acl, attributes};
use crate::schema::Value;

fn check(acl: &[&str], default: &[&str], expected: &Value) {
    let own = |entries: &[&str]| entries.iter().map(|&entry| entry.to_owned()).collect();
    let acl: Acl = (own(acl), own(default), "owner".to_owned());
    assert_eq!(Value::Object(attributes(&acl)), *expected);
}

const TABLE: &[&str] = &["owner=arwdDxt/owner"];
const FUNCTION: &[&str] = &["=X/owner", "owner=X/owner"];

#[test]
fn defaults_say_nothing() {
    check(TABLE, TABLE, &json!({}));
    check(FUNCTION, FUNCTION, &json!({}));
}

#[test]
fn roles_have_sorted_lists() {
    check(
        &["owner=arwdDxt/owner", "a=wr*/owner", "=r/owner"],
        TABLE,
        &json!({"privileges": {
            "a": ["SELECT WITH GRANT OPTION", "UPDATE"],
            "public": ["SELECT"],
        }}),
    );
}

#[test]
fn grants_of_several_roles_count_once() {
    check(
        &["owner=arwdDxt/owner", "a=r/b", "a=r*w/owner"],
        TABLE,
        &json!({"privileges": {"a": ["SELECT WITH GRANT OPTION", "UPDATE"]}}),
    );
}

#[test]
fn what_was_revoked_is_an_empty_list() {
    check(
        &["owner=X/owner"],
        FUNCTION,
        &json!({"privileges": {"public": []}}),
    );
    check(&[], TABLE, &json!({"owner_privileges": []}));
}

#[test]
fn names_may_be_quoted() {
    check(
        &["owner=arwdDxt/owner", "\"we\"\"ird=x/\"=r/\"owner\""],
        TABLE,
        &json!({"privileges": {"we\"ird=x/": ["SELECT"]}}),
    );
}
