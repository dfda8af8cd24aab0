use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::text::Source;

fn diff(json: &Value) -> Diff {
    Diff::from_json(json).expect("a diff")
}

fn example() -> BTreeMap<u32, Diff> {
    let index = json!({"method": "btree", "columns": ["lower(email)"], "unique": true});
    let view = json!({"columns": {}, "definition": " SELECT id,\n    email\n   FROM users;"});
    let changes = json!([
        {"object": ["public", "table", "users"], "path": ["indexes", "users_email"], "after": index},
        {"object": ["public", "table", "users"], "path": ["comment"], "before": "old", "after": "${HOME} \u{2028}\u{1f600}\u{e0001}"},
        {"object": ["public", "view", "emails"], "path": [], "before": view},
        {"object": [null, "role", "joe"], "path": [], "after": {}},
    ]);
    BTreeMap::from([(17, Diff::default()), (18, diff(&changes))])
}

const HEADER: &str = "-- segue: begin-concurrent-migration-with: p.sql\n";

#[test]
fn a_block_is_readable() {
    let written = with_schema_diff(&format!("{HEADER}SELECT 1;\n"), &example());
    let expected = r#"-- segue: begin-concurrent-migration-with: p.sql
-- segue: schema-diff-begin
-- Written by `segue add`, not to be edited: what this migration changes, for each major version of PostgreSQL.
-- {
--   "17": [],
--   "18": [
--     {"object": [null, "role", "joe"], "path": [], "after": {}},
--     {
--       "object": ["public", "table", "users"],
--       "path": ["comment"],
--       "before": "old",
--       "after": "\u0024{HOME} \u2028😀\udb40\udc01"
--     },
--     {
--       "object": ["public", "table", "users"],
--       "path": ["indexes", "users_email"],
--       "after": {"columns": ["lower(email)"], "method": "btree", "unique": true}
--     },
--     {
--       "object": ["public", "view", "emails"],
--       "path": [],
--       "before": {"definition": " SELECT id,\n    email\n   FROM users;"}
--     }
--   ]
-- }
-- segue: schema-diff-end
SELECT 1;
"#;
    assert_eq!(written, expected);
}

/// What the parser reads in a file, and the file without it.
fn read(text: &str) -> (Option<BTreeMap<u32, Diff>>, String) {
    let source = Arc::new(Source::new("a.sql", text));
    let (directives, _) = crate::directive::parse(&source);
    let Some(diff) = directives.schema_diff else {
        return (None, text.to_owned());
    };
    let rest = [&text[..diff.span.start], &text[diff.span.end..]].concat();
    (Some(diff.parts), rest)
}

/// As the checksum sees it.
fn normal(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

#[track_caller]
fn check_place(text: &str, expected: &str) {
    let parts = BTreeMap::from([(18, Diff::default())]);
    let written = with_schema_diff(text, &parts);
    let begin = written
        .find("-- segue: schema-diff-begin")
        .expect("written");
    let end = written.find("schema-diff-end").expect("written");
    let end = end + "schema-diff-end".len();
    assert_eq!([&written[..begin], "█", &written[end..]].concat(), expected);
    let (read, rest) = read(&written);
    assert_eq!(read, Some(parts.clone()));
    assert_eq!(normal(&rest), normal(text));
    assert_eq!(with_schema_diff(&written, &parts), written);
    assert_eq!(with_schema_diff(&written, &BTreeMap::new()), text);
}

#[test]
fn a_block_follows_the_last_directive() {
    check_place(
        "-- words\n-- segue: no-txn\n\n-- more\nSELECT 1",
        "-- words\n-- segue: no-txn\n█\n\n-- more\nSELECT 1",
    );
    check_place(
        "-- segue: no-txn\r\n-- segue: rerunnable\r\nSELECT 1;\r\n",
        "-- segue: no-txn\r\n-- segue: rerunnable\r\n█\r\nSELECT 1;\r\n",
    );
    check_place(
        "\u{feff}/* x */ -- segue: no-txn\nSELECT 1 -- segue: no-txn\n",
        "\u{feff}/* x */ -- segue: no-txn\n█\nSELECT 1 -- segue: no-txn\n",
    );
    check_place("SELECT 1", "█\nSELECT 1");
    check_place("\u{feff}SELECT 1", "\u{feff}█\nSELECT 1");
    check_place("", "█\n");
    check_place("-- segue: no-txn\n", "-- segue: no-txn\n█\n");
    // The line end that it would need is not its own.
    check_place("-- segue: no-txn", "█\n-- segue: no-txn");
    check_place("\u{feff}-- segue: no-txn", "\u{feff}█\n-- segue: no-txn");
}

#[test]
fn a_block_is_replaced_where_it_stands() {
    let parts = BTreeMap::from([(18, Diff::default())]);
    let block =
        |json: &str| format!("-- segue: schema-diff-begin\n-- {json}\n-- segue: schema-diff-end");
    let check = |before: &str, json: &str, after: &str| {
        let text = [before, &block(json), after].concat();
        let written = with_schema_diff(&text, &parts);
        assert_eq!(
            read(&written),
            (
                Some(parts.clone()),
                [before, &after[after.len().min(1)..]].concat()
            )
        );
        assert!(!written.contains(json));
    };
    check("-- a\n", "{\"14\": []}", "\n-- segue: no-txn\nSELECT 1");
    check("/* a */ ", "{\"14\": []}", "\nSELECT 1");
    check("-- a\n", "not JSON", "\nSELECT 1");
    check("-- a\n", "{\"14\": []}", "");
}

#[test]
fn the_last_characters_of_the_file_do_not_matter_to_line_ends() {
    let parts = BTreeMap::from([(18, Diff::default())]);
    let written = with_schema_diff("-- a\r\n-- segue: no-txn\r\nSELECT 1", &parts);
    assert_eq!(
        written.matches('\n').count(),
        written.matches("\r\n").count()
    );
    let written = with_schema_diff("-- segue: no-txn\nSELECT '\r\n'", &parts);
    assert_eq!(written.matches('\r').count(), 1);
}

fn string() -> impl Strategy<Value = String> {
    let odd = "[\u{0}-\u{1f}\u{7f}-\u{a0}\u{ad}\u{200b}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{e0000}-\u{e0fff}\u{10ffff}\\n\\r\"\\\\${}/*-]{0,6}";
    prop_oneof![
        odd.prop_map(String::from),
        any::<String>(),
        Just("\n-- segue: schema-diff-end\nDROP TABLE users;".to_owned()),
        Just("segue: schema-diff-end".to_owned()),
        Just("*/ ${HOME} $${A}".to_owned()),
    ]
}

fn any_diff() -> impl Strategy<Value = Diff> {
    let value = prop_oneof![
        string().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::collection::vec(string(), 0..4).prop_map(Value::from),
        prop::collection::btree_map(string(), string(), 1..4).prop_map(|map| map
            .into_iter()
            .map(|(key, value)| (key, Value::from(value)))
            .collect()),
    ];
    let sides = prop_oneof![
        (Just(None), value.clone().prop_map(Some)),
        (value.clone().prop_map(Some), Just(None)),
        (value.clone().prop_map(Some), value.prop_map(Some)),
    ];
    let changes = (string(), prop::collection::vec(string(), 1..4), sides);
    prop::collection::vec(changes, 0..4).prop_map(|changes| {
        let mut diff = Diff::default();
        for (name, path, (before, after)) in changes {
            let mut change = json!({"object": [null, "role", name], "path": path});
            for (key, side) in [("before", before), ("after", after)] {
                if let Some(side) = side {
                    change[key] = side;
                }
            }
            let next = Diff::from_json(&json!([change])).expect("a change");
            // What does not go together is left out.
            diff = diff.then(&next).unwrap_or(diff);
        }
        diff
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        parts in prop::collection::btree_map(10..1000u32, any_diff(), 0..3),
        before in "(-- [a-z]*(\n|\r\n)|-- segue: no-txn(\n|\r\n)|/\\* \n\\*/|\n| )*",
        after in "(SELECT 1;(\n|\r\n)?)?",
    ) {
        let text = before + &after;
        let written = with_schema_diff(&text, &parts);
        let (found, rest) = read(&written);
        prop_assert_eq!(found, (!parts.is_empty()).then_some(parts.clone()));
        prop_assert_eq!(normal(&rest), normal(&text));
        prop_assert_eq!(&with_schema_diff(&written, &parts), &written);
        prop_assert_eq!(&with_schema_diff(&written, &BTreeMap::new()), &text);
        let variable = "${";
        prop_assert!(!written.contains(variable));
        let seen = written.chars().filter(|character| is_unseen(*character));
        prop_assert!(seen.into_iter().all(|character| "\r\n".contains(character)));
    }
}
