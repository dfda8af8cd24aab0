use serde_json::json;

use super::*;
use crate::migration::{Item, Kind, Outline, Relations};
use crate::statement::{Fingerprint, digests};
use crate::text::{Span, Spanned};

/// A backfill, and the schema that a later migration leads to.
struct Case {
    backfill: Migration,
    schema: Snapshot,
}

fn table() -> ObjectId {
    ObjectId {
        namespace: Some("public".to_owned()),
        kind: Object::Table,
        name: "t".to_owned(),
    }
}

impl Case {
    /// A backfill of `t` by `id`.
    fn new(statement: &str) -> Self {
        let mut backfill = Migration::example("fill.sql", Kind::Concurrent);
        backfill.backfill = Some(Spanned {
            value: crate::backfill::parse("t by id").expect("a directive"),
            span: Span::new(0, 0),
        });
        let digest = digest(statement).expect("a statement");
        backfill.outline = Some(Outline {
            items: vec![Item {
                fingerprint: Fingerprint::of(statement),
                span: Span::new(0, 0),
                line: 1,
                digest: Some(digest),
            }],
            ..Outline::default()
        });
        let constraints = json!({
            "filled": { "definition": "CHECK ((b IS NOT NULL) AND (b = a))" },
            "later": { "definition": "CHECK ((b > 0))", "validated": false },
            "other": { "definition": "CHECK ((c > 0)) NO INHERIT" },
            "not_null": { "definition": "NOT NULL b" },
            "key": { "definition": "UNIQUE (b)" },
        });
        let mut attributes = crate::schema::Attributes::new();
        attributes.insert("constraints".to_owned(), constraints);
        let mut schema = Snapshot::default();
        schema.objects.insert(table(), attributes);
        Self { backfill, schema }
    }

    /// Why a migration with these statements and changes of the schema has to
    /// end it; empty if it has not.
    fn why(&self, sql: &str, changes: &[Diff]) -> String {
        let mut newcomer = Migration::example("new.sql", Kind::Batch);
        let mut relations = Relations::default();
        for digest in digests(
            &sql.split(';')
                .filter(|one| !one.is_empty())
                .collect::<Vec<_>>(),
        ) {
            relations.columns.add(&digest.expect("a statement").columns);
        }
        newcomer.outline = Some(Outline {
            relations: Some(relations),
            ..Outline::default()
        });
        let found = need(&self.backfill, &newcomer, changes, &[&self.schema]);
        found.map(|need| need.to_string()).unwrap_or_default()
    }

    #[track_caller]
    fn uses(&self, sql: &str, expected: &str) {
        assert_eq!(self.why(sql, &[]), expected, "{sql}");
    }

    /// Of a change of `t`.
    #[track_caller]
    fn changes(&self, path: &[&str], before: Option<Value>, after: Option<Value>, expected: &str) {
        self.changes_of(&table(), path, before, after, expected);
    }

    #[track_caller]
    fn changes_of(
        &self,
        object: &ObjectId,
        path: &[&str],
        before: Option<Value>,
        after: Option<Value>,
        expected: &str,
    ) {
        let change = Change {
            object: object.clone(),
            path: path.iter().map(|&key| key.to_owned()).collect(),
            before,
            after,
        };
        let diff = Diff::from_changes(vec![change]).expect("a diff");
        assert_eq!(self.why("", &[diff]), expected, "{path:?}");
    }
}

const FILL: &str = "UPDATE t SET b = lower(a) WHERE id > $1 AND id <= $2";

#[test]
fn statements_that_use_what_is_filled() {
    let case = Case::new(FILL);
    let uses = "it uses column `b` of `t`, which that one fills";
    case.uses(
        "SELECT 1 / (count(*) = 0)::int FROM t WHERE b IS NULL",
        uses,
    );
    case.uses("UPDATE t SET b = 'x' WHERE id = 1", uses);
    case.uses("INSERT INTO u SELECT t.b FROM v, t", uses);
    case.uses("INSERT INTO u SELECT w.b FROM v AS t, t AS w", uses);
    case.uses(
        "CREATE VIEW w AS SELECT id FROM (SELECT b, id FROM public.t) AS s",
        "it uses column `b` of `public.t`, which that one fills",
    );
    case.uses(
        "MERGE INTO u USING t ON t.id = u.id WHEN MATCHED AND t.b > '' THEN DELETE",
        uses,
    );
    case.uses("COPY t (id, b) TO STDOUT", uses);
    let all = "it uses all columns of `t`, which that one fills";
    for sql in [
        "CREATE TABLE u AS SELECT * FROM t",
        "SELECT x.* FROM v, t AS x",
        "SELECT to_jsonb(t) FROM t",
        "COPY t TO STDOUT",
    ] {
        case.uses(sql, all);
    }
    for sql in [
        "SELECT a, c FROM t",
        "UPDATE t SET a = c WHERE c > 1",
        "SELECT t.c, u.b FROM t, u",
        "SELECT (SELECT c FROM t), b FROM u",
        "WITH t AS (SELECT b FROM u) SELECT b, * FROM t",
        "INSERT INTO t (id, a, b) VALUES (1, 'A', 'a')",
        "INSERT INTO t (id) SELECT b FROM u",
        "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET c = excluded.b",
        "SELECT s.* FROM (SELECT c FROM t) AS s",
        "SELECT count(*) FROM t",
        "COPY t (id, c) TO STDOUT",
        "COPY t (id, b) FROM STDIN",
        "DELETE FROM app.t WHERE c = 1",
        "CREATE INDEX ON t (b) WHERE b > ''",
        "ALTER TABLE t ADD CHECK (b > '') NOT VALID",
    ] {
        case.uses(sql, "");
    }
}

#[test]
fn columns_that_change() {
    let case = Case::new(FILL);
    let fills = "it changes column `b` of table public.t, which that one fills";
    let reads =
        |name: &str| format!("it changes column `{name}` of table public.t, which that one reads");
    let column = || Some(json!({ "type": "text" }));
    case.changes(&["columns", "b"], column(), None, fills);
    case.changes(&["columns", "a"], column(), None, &reads("a"));
    case.changes(&["columns", "id"], column(), None, &reads("id"));
    case.changes(
        &["columns", "a", "type"],
        Some(json!("text")),
        Some(json!("integer")),
        &reads("a"),
    );
    case.changes(
        &["columns", "b", "not_null"],
        None,
        Some(json!(true)),
        fills,
    );
    // Neither of these asks for a value in each row.
    case.changes(&["columns", "a", "not_null"], Some(json!(true)), None, "");
    case.changes(&["columns", "b", "default"], None, Some(json!("''")), "");
    case.changes(&["columns", "b", "comment"], None, Some(json!("x")), "");
    case.changes(
        &["columns", "b", "position"],
        Some(json!(4)),
        Some(json!(3)),
        "",
    );
    case.changes(&["columns", "c"], column(), None, "");
    case.changes(&["columns", "c"], None, column(), "");
    case.changes(
        &["columns", "c", "type"],
        Some(json!("text")),
        Some(json!("integer")),
        "",
    );
    case.changes(&["indexes", "b"], None, column(), "");
    let other = ObjectId {
        namespace: Some("public".to_owned()),
        kind: Object::Table,
        name: "u".to_owned(),
    };
    case.changes_of(&other, &["columns", "b"], column(), None, "");
}

#[test]
fn constraints_on_what_is_filled() {
    let case = Case::new(FILL);
    let checks = |name: &str| {
        format!("it checks constraint `{name}` of table public.t, whose column `b` that one fills")
    };
    let made = |definition: &str| Some(json!({ "definition": definition }));
    case.changes(
        &["constraints", "filled"],
        None,
        made("CHECK"),
        &checks("filled"),
    );
    case.changes(
        &["constraints", "filled", "validated"],
        Some(json!(false)),
        None,
        &checks("filled"),
    );
    case.changes(
        &["constraints", "not_null"],
        None,
        made("NOT NULL b"),
        &checks("not_null"),
    );
    case.changes(&["constraints", "later"], None, made("CHECK"), "");
    case.changes(&["constraints", "other"], None, made("CHECK"), "");
    case.changes(&["constraints", "key"], None, made("UNIQUE (b)"), "");
    case.changes(&["constraints", "gone"], made("CHECK ((b > 0))"), None, "");
}

#[test]
fn triggers_that_fill_what_is_written_meanwhile() {
    let trigger = |name: &str| {
        format!(
            "it drops trigger `{name}` of table public.t, which fills what is written meanwhile"
        )
    };
    let made = || Some(json!({ "definition": "CREATE TRIGGER" }));
    let case = Case::new(FILL);
    for name in ["zz_segue_sync_insert_b", "zz_segue_sync_update_b"] {
        case.changes(&["triggers", name], made(), None, &trigger(name));
        case.changes(&["triggers", name], None, made(), "");
    }
    for name in ["zz_segue_sync_insert_c", "zz_segue_sync_insert_bb", "mine"] {
        case.changes(&["triggers", name], made(), None, "");
    }
    // As `segue.sync_name` cuts it.
    let long = "x".repeat(50);
    let cut = format!("zz_segue_sync_insert_{}_0123abcd", "x".repeat(33));
    let case = Case::new(&format!(
        "UPDATE t SET {long} = a WHERE id > $1 AND id <= $2"
    ));
    case.changes(&["triggers", &cut], made(), None, &trigger(&cut));
    // What a function fills is not known.
    let case = Case::new("SELECT fill(id) FROM t WHERE id > $1 AND id <= $2");
    let name = "zz_segue_sync_insert_c";
    case.changes(&["triggers", name], made(), None, &trigger(name));
}

#[test]
fn what_it_names_is_removed() {
    let case = Case::new("UPDATE t SET b = app.f(a) FROM u WHERE t.id > $1 AND t.id <= $2");
    let check = |namespace: &str, kind: Object, name: &str, expected: &str| {
        let object = ObjectId {
            namespace: Some(namespace.to_owned()),
            kind,
            name: name.to_owned(),
        };
        case.changes_of(&object, &[], Some(json!({})), None, expected);
        case.changes_of(&object, &[], None, Some(json!({})), "");
    };
    check(
        "public",
        Object::Table,
        "t",
        "it removes table public.t, which that one needs",
    );
    check(
        "app",
        Object::View,
        "u",
        "it removes view app.u, which that one needs",
    );
    check(
        "app",
        Object::Function,
        "f(text)",
        "it removes function app.f(text), which that one needs",
    );
    check("other", Object::Function, "f(text)", "");
    check("public", Object::Sequence, "t", "");
    check("public", Object::Table, "v", "");
}

#[test]
fn rows_that_go_to_another_table_fill_that() {
    let case = Case::new("INSERT INTO u (x, y) SELECT id, a FROM t WHERE id > $1 AND id <= $2");
    case.uses(
        "SELECT y FROM u",
        "it uses column `y` of `u`, which that one fills",
    );
    case.uses("SELECT z FROM u", "");
    case.uses("SELECT a FROM t", "");
    let case = Case::new("INSERT INTO u SELECT id, a FROM t WHERE id > $1 AND id <= $2");
    case.uses(
        "SELECT z FROM u",
        "it uses column `z` of `u`, which that one fills",
    );
}
