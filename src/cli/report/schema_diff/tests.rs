use super::*;
use crate::schema::{Attributes, Kind, Snapshot};

const SIDES: Sides<'_> = Sides {
    before: "expected",
    after: "live",
};

/// Objects by `kind namespace.name` or `kind name`.
fn snapshot(objects: &Value) -> Snapshot {
    let objects = objects.as_object().expect("a map").iter();
    let objects = objects.map(|(id, attributes)| {
        let (kind, name) = id.split_once(' ').expect("a kind and a name");
        let kind: Kind = kind.parse().expect("a kind");
        let (namespace, name) = match name.split_once('.') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, name),
        };
        let name = name.to_owned();
        let attributes: Attributes = attributes.as_object().expect("a map").clone();
        (
            ObjectId {
                namespace,
                kind,
                name,
            },
            attributes,
        )
    });
    let mut snapshot = Snapshot {
        objects: objects.collect(),
    };
    snapshot.normalise();
    snapshot
}

fn diff(before: &Value, after: &Value) -> Diff {
    Diff::between(&snapshot(before), &snapshot(after))
}

#[track_caller]
fn check(before: &Value, after: &Value, expected: &str) {
    let text = text(&diff(before, after), SIDES, Extent::Short, Style::Plain);
    let expected = format!("--- expected\n+++ live\n{expected}");
    assert!(text == expected, "{text}");
}

fn users() -> Value {
    json!({
        "owner": "app",
        "columns": {
            "id": {"position": 1, "type": "bigint", "not_null": true, "identity": "always"},
            "email": {"position": 2, "type": "text", "not_null": true},
            "Name": {"position": 3, "type": "text", "collation": "\"C\"", "default": "''::text", "comment": "as they say it"},
            "initials": {"position": 4, "type": "text", "generated": "stored", "expression": "\"left\"(\"Name\", 2)"},
        },
        "constraints": {"users_pkey": {"definition": "PRIMARY KEY (id)"}},
        "indexes": {
            "users_pkey": {"definition": "CREATE UNIQUE INDEX users_pkey ON public.users USING btree (id)"},
            "users_email": {"definition": "CREATE UNIQUE INDEX users_email ON public.users USING btree (lower(email))", "valid": false},
        },
        "privileges": {"reader": ["SELECT"]},
        "options": {"fillfactor": "70"},
        "comment": "People",
    })
}

#[test]
fn nothing_is_no_text() {
    let users = json!({"table public.users": users()});
    assert_eq!(
        text(&diff(&users, &users), SIDES, Extent::Full, Style::Colour),
        ""
    );
}

#[test]
fn an_object_that_one_side_lacks_is_summarised() {
    check(
        &json!({}),
        &json!({"table public.users": users()}),
        r#"
+ table public.users
+   column id: bigint not null generated always as identity
+   column email: text not null
+   column "Name": text collate "C" default ''::text, comment: as they say it
+   column initials: text generated always as ("left"("Name", 2)) stored
+   constraint users_pkey: PRIMARY KEY (id)
+   index users_email: CREATE UNIQUE INDEX users_email ON public.users USING btree (lower(email)), not valid
+   index users_pkey: CREATE UNIQUE INDEX users_pkey ON public.users USING btree (id)
+   option fillfactor: 70
+   owner: app
+   privileges of reader: SELECT
+   comment: People

1 object differs
"#,
    );
}

#[test]
fn columns_are_compared_attribute_by_attribute() {
    let mut after = users();
    after["columns"]["id"]["type"] = json!("integer");
    after["columns"]["id"]
        .as_object_mut()
        .unwrap()
        .remove("identity");
    after["columns"]["email"]
        .as_object_mut()
        .unwrap()
        .remove("not_null");
    after["columns"].as_object_mut().unwrap().remove("Name");
    after["columns"]["phone"] = json!({"position": 5, "type": "text"});
    after["indexes"]["users_email"]
        .as_object_mut()
        .unwrap()
        .remove("valid");
    after["indexes"]
        .as_object_mut()
        .unwrap()
        .remove("users_pkey");
    after["comment"] = json!("All people");
    after["owner"] = json!("postgres");
    after["privileges"] = json!({"reader": ["INSERT", "SELECT"], "Ann Lee": ["SELECT"]});
    after["options"] = json!({});
    check(
        &json!({"table public.users": users()}),
        &json!({"table public.users": after}),
        r#"
  table public.users
-   column "Name": text collate "C" default ''::text, comment: as they say it
+   column phone: text
    column email
-     not null
    column id
-     type: bigint
+     type: integer
-     identity: always
-   index users_pkey: CREATE UNIQUE INDEX users_pkey ON public.users USING btree (id)
    index users_email
-     not valid
-   option fillfactor: 70
-   owner: app
+   owner: postgres
+   privileges of "Ann Lee": SELECT
    privileges of reader
+     INSERT
-   comment: People
+   comment: All people

1 object differs
"#,
    );
}

#[test]
fn a_view_is_compared_as_text() {
    let view = |condition: &str| {
        json!({"view public.active_users": {
            "columns": {"id": {"position": 1, "type": "bigint"}},
            "definition": format!(" SELECT users.id,\n    users.email,\n    users.name\n   FROM public.users\n     JOIN public.teams USING (team)\n  WHERE {condition}\n  GROUP BY users.id;"),
        }})
    };
    check(
        &view("users.active"),
        &view("users.active AND NOT teams.closed"),
        r"
  view public.active_users
    definition
      … line 3
          users.name
         FROM public.users
           JOIN public.teams USING (team)
-       WHERE users.active
+       WHERE users.active AND NOT teams.closed
        GROUP BY users.id;

1 object differs
",
    );
}

#[test]
fn a_body_shows_what_is_around_a_change() {
    let body = |lines: [&str; 2]| {
        let mut body = String::from("\nBEGIN\n");
        for line in 1..=30 {
            let _ = match line {
                4 => writeln!(body, "{}", lines[0]),
                25 => writeln!(body, "{}", lines[1]),
                line => writeln!(body, "  PERFORM step({line});"),
            };
        }
        body.push_str("END\n");
        json!({"function public.Run(integer, text)": {"body": body, "volatility": "stable"}})
    };
    check(
        &body(["  PERFORM step(4);", "\tPERFORM step(25);"]),
        &body([
            "  PERFORM step(44);",
            "  PERFORM step(25);\n  -- and \u{1b}[31mmore",
        ]),
        r#"
  function public."Run"(integer, text)
    body
      … line 3
        PERFORM step(1);
        PERFORM step(2);
        PERFORM step(3);
-       PERFORM step(4);
+       PERFORM step(44);
        PERFORM step(5);
        PERFORM step(6);
        PERFORM step(7);
      … line 24
        PERFORM step(22);
        PERFORM step(23);
        PERFORM step(24);
-     →PERFORM step(25);
+       PERFORM step(25);
+       -- and \u{1b}[31mmore
        PERFORM step(26);
        PERFORM step(27);
        PERFORM step(28);

1 object differs
"#,
    );
}

#[test]
fn lists_are_compared_element_by_element() {
    check(
        &json!({"enum public.mood": {"labels": ["awful", "bad", "so, so", "fair", "fine", "good", "great", "top"]}}),
        &json!({"enum public.mood": {"labels": ["awful", "bad", "meh", "so, so", "fair", "fine", "good", "great"]}}),
        r#"
  enum public.mood
    labels
      awful
      bad
+     meh
      "so, so"
      …
      great
-     top

1 object differs
"#,
    );
}

#[test]
fn what_matters_comes_first() {
    check(
        &json!({
            "namespace app": {"owner": "a"},
            "extension citext": {"version": "1.5"},
            "table app.b": {"comment": "x", "columns": {"id": {"comment": "y", "type": "text"}}},
            "table public.c": {"persistence": "unlogged"},
            "sequence public.c_id_seq": {"type": "bigint", "start": 1},
        }),
        &json!({
            "namespace app": {"owner": "b"},
            "extension citext": {"version": "1.6"},
            "table app.b": {"columns": {"id": {"type": "text"}}},
            "table public.c": {},
            "function app.f()": {"returns": "integer", "language": "sql", "body": "\nSELECT 1;\n"},
            "table public.d": {},
        }),
        r"
- sequence public.c_id_seq
-   type: bigint
-   start: 1

+ table public.d

+ function app.f()
+   returns: integer
+   language: sql
+   body
+     SELECT 1;

  extension citext
-   version: 1.5
+   version: 1.6

  table public.c
-   persistence: unlogged

  namespace app
-   owner: a
+   owner: b

  table app.b
    column id
-     comment: y
-   comment: x

7 objects differ: 1 only in expected, 2 only in live, 4 changed
",
    );
}

#[test]
fn what_looks_the_same_is_told_apart() {
    check(
        &json!({"database current": {"settings": {"a.b": "1", "c": " x"}, "connection_limit": "5", "e": ["1"], "tags": "a, b"}}),
        &json!({"database current": {"settings": {"a.b": "1\u{200b}", "c": ""}, "connection_limit": 5, "e": [1], "tags": ["a", "b"]}}),
        r#"
  database current
-   connection limit: "5"
+   connection limit: 5
    e
-     "1"
+     1
-   setting a.b: 1
+   setting a.b: 1\u{200b}
-   setting c: " x"
+   setting c: ""
-   tags: "a, b"
+   tags: ["a","b"]

1 object differs
"#,
    );
}

#[test]
fn long_lines_lose_what_they_have_in_common() {
    let check_with = |middle: &str| {
        let names: Vec<String> = (1..40).map(|number| format!("'name {number}'")).collect();
        let definition = format!(
            "CHECK (name IN ({}, {middle}, {}))",
            names.join(", "),
            names.join(", ")
        );
        json!({"domain public.name": {"constraints": {"name_check": {"definition": definition}}}})
    };
    check(
        &check_with("'x'"),
        &check_with("'another one'"),
        r"
  domain public.name
    constraint name_check
-     definition: … 36', 'name 37', 'name 38', 'name 39', 'x', 'name 1', 'name 2', 'name 3', 'name 4…
+     definition: … 36', 'name 37', 'name 38', 'name 39', 'another one', 'name 1', 'name 2', 'name 3', 'name 4…

1 object differs
",
    );
}

#[test]
fn large_objects_are_cut() {
    let columns = (1..=30).map(|number| {
        let column = json!({"position": number, "type": "integer"});
        (format!("c{number}"), column)
    });
    let columns: Value = columns.collect::<serde_json::Map<_, _>>().into();
    check(
        &json!({"table public.wide": {"columns": columns, "owner": "app"}}),
        &json!({}),
        r"
- table public.wide
-   column c1: integer
-   column c2: integer
-   column c3: integer
-   column c4: integer
-   column c5: integer
-   column c6: integer
-   column c7: integer
-   column c8: integer
-   column c9: integer
-   column c10: integer
-   column c11: integer
-   … 20 more lines

1 object differs
",
    );
}

#[test]
fn many_objects_are_counted() {
    let tables = |kind: &str, count: usize| -> Value {
        let tables = (1..=count).map(|number| (format!("{kind} public.t{number:02}"), json!({})));
        tables.collect::<serde_json::Map<_, _>>().into()
    };
    let none = json!({});
    let text = |count: usize, extent: Extent| {
        text(
            &diff(&tables("table", count), &none),
            SIDES,
            extent,
            Style::Plain,
        )
    };
    let lines = |text: &str| text.lines().filter(|line| line.starts_with("- ")).count();
    assert_eq!(lines(&text(21, Extent::Short)), 21);
    assert_eq!(lines(&text(35, Extent::Full)), 35);
    let short = text(35, Extent::Short);
    assert_eq!(lines(&short), 20);
    let end = "\n  … and 15 objects more; `--verbose` shows everything\n\n35 objects differ: 35 only in expected\n";
    assert!(short.ends_with(end), "{short}");
}

#[test]
fn colours_follow_the_signs() {
    let diff = diff(
        &json!({"table public.t": {"columns": {"id": {"type": "integer"}}}}),
        &json!({"table public.t": {"columns": {"id": {"type": "bigint"}}}}),
    );
    let text = text(&diff, SIDES, Extent::Short, Style::Colour);
    assert_eq!(
        text.replace('\u{1b}', "␛"),
        "␛[1m␛[31m--- expected␛[0m\n␛[1m␛[32m+++ live␛[0m\n\n␛[1m  table public.t␛[0m\n    column id\n␛[31m-     type: integer␛[0m\n␛[32m+     type: bigint␛[0m\n\n1 object differs\n"
    );
}

#[test]
fn json_follows_its_schema() {
    let diff = diff(
        &json!({"table public.t": {"columns": {"id": {"type": "integer"}}}, "role r": {}}),
        &json!({"table public.t": {"columns": {"id": {"type": "bigint"}}}}),
    );
    let value = crate::cli::report::schema_diff_json(&diff, "expected", "live");
    crate::cli::report::schema::check("schema-diff", &value);
    assert_eq!(
        value,
        json!({
            "version": 1,
            "before": "expected",
            "after": "live",
            "objects": 2,
            "changes": [
                {"object": {"namespace": null, "kind": "role", "name": "r"}, "path": [], "before": {}},
                {
                    "object": {"namespace": "public", "kind": "table", "name": "t"},
                    "path": ["columns", "id", "type"],
                    "before": "integer",
                    "after": "bigint",
                },
            ],
        })
    );
}
