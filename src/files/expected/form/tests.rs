use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::Kind;

fn object(namespace: &str, name: &str) -> ObjectId {
    ObjectId {
        namespace: Some(namespace.to_owned()),
        kind: Kind::Table,
        name: name.to_owned(),
    }
}

const WHOLE: Cut = Cut {
    name: false,
    namespace: false,
};

fn map(value: Value) -> Attributes {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

#[track_caller]
fn check(value: Value, expected: &str) {
    let attributes = map(value);
    let text = print(&object("public", "a"), &attributes, WHOLE);
    assert_eq!(text, expected);
    let content = parse(text.as_bytes()).expect("valid");
    assert_eq!(content.attributes, attributes);
    assert_eq!((content.name, content.namespace), (None, None));
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = parse(text.as_bytes()).err().expect("an error");
    assert_eq!(error, expected);
}

#[test]
fn keys_are_sorted_and_have_a_line_each() {
    check(
        json!({"owner": "me", "columns": {"b": {"type": "text"}, "a": {"type": "int", "not_null": true}}}),
        "\
{
  \"columns\": {
    \"a\": {
      \"not_null\": true,
      \"type\": \"int\"
    },
    \"b\": {
      \"type\": \"text\"
    }
  },
  \"owner\": \"me\"
}
",
    );
    check(json!({}), "{}\n");
}

#[test]
fn a_text_of_several_lines_has_a_line_each() {
    check(
        json!({"definition": " SELECT 1\n   FROM a;", "empty": "\n"}),
        "\
{
  \"definition\": {
    \"@lines\": [
      \" SELECT 1\",
      \"   FROM a;\"
    ]
  },
  \"empty\": {
    \"@lines\": [
      \"\",
      \"\"
    ]
  }
}
",
    );
}

#[test]
fn a_column_may_be_called_as_our_marks() {
    check(
        json!({"columns": {"@lines": {"type": "text"}, "@@name": {}, "@": {}}}),
        "\
{
  \"columns\": {
    \"@@\": {},
    \"@@@name\": {},
    \"@@lines\": {
      \"type\": \"text\"
    }
  }
}
",
    );
}

#[test]
fn names_that_the_path_lacks_are_inside() {
    let cut = Cut {
        name: true,
        namespace: true,
    };
    let text = print(&object("a", "b"), &map(json!({"x": 1})), cut);
    assert_eq!(
        text,
        "{\n  \"@name\": \"b\",\n  \"@namespace\": \"a\",\n  \"x\": 1\n}\n"
    );
    let content = parse(text.as_bytes()).expect("valid");
    assert_eq!(content.name.as_deref(), Some("b"));
    assert_eq!(content.namespace.as_deref(), Some("a"));
    assert_eq!(content.attributes, map(json!({"x": 1})));
}

#[test]
fn what_is_wrong_is_located() {
    check_error("", "line 1, column 0: EOF while parsing a value");
    check_error("[]", "it holds no JSON object");
    check_error(
        "{\n  \"a\": null\n}",
        "line 2, column 11: invalid type: null, expected a JSON value that is not null",
    );
    check_error(
        "{\n  \"a\": 1,\n  \"a\": 2\n}",
        "line 3, column 5: `a` is there twice",
    );
    check_error("{\n  \"a\": 1,\n}", "line 3, column 1: trailing comma");
    check_error(
        "{\n<<<<<<< HEAD\n  \"a\": 1\n=======\n",
        "line 2 is the mark of a merge conflict",
    );
    check_error("{\"@name\": 1}", "`@name` is not a string");
    check_error("{\"@colour\": 1}", "`@colour` is not known here");
    for wrong in [
        r#"{"a": {"@lines": []}}"#,
        r#"{"a": {"@lines": ["b"]}}"#,
        r#"{"a": {"@lines": ["b", 1]}}"#,
        r#"{"a": {"@lines": ["b", "c\nd"]}}"#,
        r#"{"a": {"@lines": "b"}}"#,
        r#"{"a": {"@lines": ["b", "c"], "d": 1}}"#,
    ] {
        check_error(wrong, "`@lines` is not a list of strings that stands alone");
    }
}

#[test]
fn line_ends_and_marks_of_other_systems_do_not_matter() {
    let content = parse("\u{feff}{\r\n  \"a\": \"b\"\r\n}\r\n".as_bytes()).expect("valid");
    assert_eq!(content.attributes, map(json!({"a": "b"})));
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(|number: f64| Value::from(number)),
        "[a@\n\r\"\\\\ü]{0,6}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(@{0,2}(lines|name|namespace|a)?|\\PC{1,4})", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read(
        attributes in prop::collection::btree_map("(@{0,2}(lines|name|namespace|a)|\\PC{1,4})", values(), 0..4),
    ) {
        let attributes: Attributes = attributes.into_iter().collect();
        let text = print(&object("public", "a"), &attributes, WHOLE);
        let content = parse(text.as_bytes()).expect("valid");
        prop_assert_eq!(content.attributes, attributes);
        prop_assert_eq!((content.name, content.namespace), (None, None));
    }
}
