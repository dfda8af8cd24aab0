//! A column whose values have to be written into each row.

use pg_query::Node;
use pg_query::protobuf::{ColumnDef, ConstrType, RangeVar};
use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::state::ColumnType;
use crate::lint::tree::{added_column, of_kind, relation};
use crate::lint::{Finding, Rule, State, Subject};
use crate::statement::RelationName;
use crate::text::Span;

pub(super) const RULE: Rule = Rule {
    name: "add-column-rewrites",
    severity: Severity::Error,
    page: include_str!("../../../rules/add-column-rewrites.md"),
    halves: EVERYWHERE,
    check,
};

/// PostgreSQL's own functions that are volatile and may be a default; those
/// of its extensions for identifiers too.
const VOLATILE: &[&str] = &[
    "clock_timestamp",
    "gen_random_bytes",
    "gen_random_uuid",
    "gen_salt",
    "lastval",
    "nextval",
    "currval",
    "random",
    "random_normal",
    "setval",
    "timeofday",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
];

const SERIAL: &[&str] = &[
    "bigserial",
    "serial",
    "serial2",
    "serial4",
    "serial8",
    "smallserial",
];

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    subject
        .commands_in_use()
        .into_iter()
        .filter_map(|(table, command)| {
            let column = added_column(command)?;
            let (place, why) = rewrites(subject, column)?;
            Some(finding(subject, table, column, place, &why))
        })
        .collect()
}

/// What makes the server write the column into each row, and where that is
/// written.
fn rewrites(subject: &Subject<'_>, column: &ColumnDef) -> Option<(Span, String)> {
    let data_type = column.type_name.as_ref();
    if let Some(serial) = data_type.and_then(|name| Some((name, ColumnType::of(name)?)))
        && serial
            .1
            .built_in()
            .is_some_and(|name| SERIAL.contains(&name))
    {
        let place = subject.word(serial.0.location);
        return Some((place, "each row gets its own number".to_owned()));
    }
    if let Some(identity) = of_kind(column, ConstrType::ConstrIdentity).next() {
        let place = subject.word(identity.location);
        return Some((place, "each row gets its own number".to_owned()));
    }
    if let Some(generated) = of_kind(column, ConstrType::ConstrGenerated)
        .find(|generated| generated.generated_kind != "v")
    {
        let place = subject.word(generated.location);
        return Some((place, "is computed for each row".to_owned()));
    }
    let default = of_kind(column, ConstrType::ConstrDefault).next()?;
    let function = volatile_call(default.raw_expr.as_deref()?, subject.state)?;
    let place = subject.word(default.location);
    Some((place, format!("`{function}` is called for each row")))
}

/// A function in an expression that is certainly volatile.
fn volatile_call(node: &Node, state: &State) -> Option<RelationName> {
    let tree = serde_json::to_value(node).ok()?;
    let mut found = None;
    visit(&tree, &mut |names| {
        let is_own = matches!(names, [_]) || matches!(names, ["pg_catalog", _]);
        let name = crate::lint::tree::dotted(names)?;
        let is_volatile = match state.routine(&name) {
            Some(routine) => routine.is_volatile,
            None => (is_own || names.len() == 2) && VOLATILE.contains(&name.name.as_str()),
        };
        if is_volatile {
            found.get_or_insert(name);
        }
        Some(())
    });
    found
}

/// Calls `look` with the name of each function that is called.
fn visit(tree: &Value, look: &mut dyn FnMut(&[&str]) -> Option<()>) {
    match tree {
        Value::Array(trees) => trees.iter().for_each(|tree| visit(tree, look)),
        Value::Object(fields) => {
            if let Some(names) = fields.get("funcname").and_then(Value::as_array) {
                let names: Vec<&str> = names
                    .iter()
                    .filter_map(|name| name["node"]["String"]["sval"].as_str())
                    .collect();
                look(&names);
            }
            fields.values().for_each(|tree| visit(tree, look));
        }
        _ => {}
    }
}

fn finding(
    subject: &Subject<'_>,
    table: &RangeVar,
    column: &ColumnDef,
    place: Span,
    why: &str,
) -> Finding {
    subject
        .finding(format!(
            "`{}` can be neither read nor written while all of it is written anew for `{}`",
            relation(table),
            column.colname
        ))
        .label(place, why)
        .help("add the column without it, set what new rows get by `ALTER COLUMN … SET DEFAULT`, and fill the old ones in batches in a concurrent migration")
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "add-column-rewrites";

    #[test]
    fn each_row_is_written() {
        for (column, at) in [
            ("uuid DEFAULT gen_random_uuid()", "1:33"),
            ("uuid NOT NULL DEFAULT ext.uuid_generate_v4()", "1:42"),
            ("timestamptz DEFAULT clock_timestamp() + '1 day'", "1:40"),
            ("int DEFAULT nextval('s')", "1:32"),
            ("bigserial", "1:28"),
            ("int GENERATED BY DEFAULT AS IDENTITY", "1:32"),
            ("int GENERATED ALWAYS AS (b + 1) STORED", "1:32"),
        ] {
            let expected = format!(
                "{at} `t` can be neither read nor written while all of it is written anew for `a`"
            );
            check(
                NAME,
                &format!("ALTER TABLE t ADD COLUMN a {column}"),
                &[&expected],
            );
        }
        check(
            NAME,
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nALTER TABLE t ADD a int DEFAULT f()",
            &["2:25 `t` can be neither read nor written while all of it is written anew for `a`"],
        );
    }

    #[test]
    fn no_row_is_written() {
        for column in [
            "int",
            "int NOT NULL DEFAULT 0",
            "timestamptz DEFAULT now()",
            "timestamptz DEFAULT CURRENT_TIMESTAMP",
            "text DEFAULT 'random()'",
            "jsonb DEFAULT jsonb_build_object('a', 1)",
            "int DEFAULT app.f()",
            "int GENERATED ALWAYS AS (b + 1) VIRTUAL",
        ] {
            check(NAME, &format!("ALTER TABLE t ADD COLUMN a {column}"), &[]);
        }
        for sql in [
            "CREATE TABLE t (b int); ALTER TABLE t ADD a bigserial",
            "CREATE FUNCTION f() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1'; ALTER TABLE t ADD a int DEFAULT f()",
            "ALTER TABLE t ALTER a SET DEFAULT gen_random_uuid()",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
