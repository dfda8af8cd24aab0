//! A column that running code does not fill, and has to.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, ColumnDef, ConstrType, RangeVar};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::state::ColumnType;
use crate::lint::tree::{added_column, of_kind, relation, table_commands};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "column-becomes-required",
    severity: Severity::Error,
    page: include_str!("../../../rules/column-becomes-required.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let commands = subject.commands_in_use().into_iter();
    let found = commands.filter_map(|(table, command)| {
        let column = added_column(command)?;
        if !is_required(column) {
            return None;
        }
        if !has_default(subject, column) {
            return Some(
                subject
                    .finding(format!(
                        "`{}` is NOT NULL and has no default: this fails where `{}` has a row, and running code that does not know the column can insert none",
                        column.colname,
                        relation(table)
                    ))
                    .label(subject.word(column.location), "has no value for the rows that are there")
                    .help("give it a default, or let it be null until all code fills it"),
            );
        }
        drops_default(subject, table, &column.colname).then(|| {
            subject
                .finding(format!(
                    "`{}` loses its default again: running code that does not know the column can insert no row",
                    column.colname
                ))
                .label(subject.word(column.location), "is NOT NULL")
                .help("drop the default in a later deployment, when all code fills the column")
        })
    });
    found.collect()
}

fn is_required(column: &ColumnDef) -> bool {
    column.is_not_null
        || [ConstrType::ConstrNotnull, ConstrType::ConstrPrimary]
            .into_iter()
            .any(|kind| of_kind(column, kind).next().is_some())
}

/// Whether the server has a value for it, or may have one.
fn has_default(subject: &Subject<'_>, column: &ColumnDef) -> bool {
    let has_own = [
        ConstrType::ConstrDefault,
        ConstrType::ConstrGenerated,
        ConstrType::ConstrIdentity,
    ]
    .into_iter()
    .any(|kind| of_kind(column, kind).next().is_some());
    // Serial types have one, and a domain may.
    let is_plain = column
        .type_name
        .as_ref()
        .and_then(ColumnType::of)
        .is_some_and(|data_type| {
            PLAIN.contains(&data_type.name.name.as_str()) || subject.state.is_enum(&data_type.name)
        });
    has_own || !is_plain
}

/// PostgreSQL's own types, which have no default.
const PLAIN: &[&str] = &[
    "bit",
    "bool",
    "bpchar",
    "bytea",
    "char",
    "cidr",
    "citext",
    "date",
    "daterange",
    "float4",
    "float8",
    "inet",
    "int2",
    "int4",
    "int4range",
    "int8",
    "int8range",
    "interval",
    "json",
    "jsonb",
    "macaddr",
    "money",
    "name",
    "numeric",
    "numrange",
    "oid",
    "point",
    "regclass",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "tsrange",
    "tstzrange",
    "tsvector",
    "uuid",
    "varbit",
    "varchar",
    "xml",
];

/// Whether the file takes the default of a column that it adds away again.
fn drops_default(subject: &Subject<'_>, table: &RangeVar, column: &str) -> bool {
    let name = relation(table);
    let drops = |node: &NodeEnum| {
        table_commands(node).into_iter().any(|(table, command)| {
            relation(table).may_be(&name)
                && command.subtype() == AlterTableType::AtColumnDefault
                && command.name == column
                && command.def.is_none()
        })
    };
    drops(subject.node) || subject.later().any(drops)
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "column-becomes-required";

    #[test]
    fn a_column_without_a_default() {
        let message = "`a` is NOT NULL and has no default: this fails where `t` has a row, and running code that does not know the column can insert none";
        for sql in [
            "ALTER TABLE t ADD a int NOT NULL",
            "ALTER TABLE t ADD a text NOT NULL UNIQUE",
            "ALTER TABLE t ADD a varchar(10) NOT NULL",
            "ALTER TABLE t ADD a int[] NOT NULL",
        ] {
            check(NAME, sql, &[&format!("1:19 {message}")]);
        }
    }

    #[test]
    fn a_column_of_an_enum_without_a_default() {
        check(
            NAME,
            "CREATE TYPE \"Kind\" AS ENUM ('A'); ALTER TABLE t ADD a \"Kind\" NOT NULL",
            &[
                "1:53 `a` is NOT NULL and has no default: this fails where `t` has a row, and running code that does not know the column can insert none",
            ],
        );
    }

    #[test]
    fn a_default_that_goes() {
        check(
            NAME,
            "ALTER TABLE t ADD a int NOT NULL DEFAULT 0; ALTER TABLE t ALTER a DROP DEFAULT",
            &[
                "1:19 `a` loses its default again: running code that does not know the column can insert no row",
            ],
        );
    }

    #[test]
    fn a_column_that_is_filled() {
        for sql in [
            "ALTER TABLE t ADD a int",
            "ALTER TABLE t ADD a int NOT NULL DEFAULT 0",
            "ALTER TABLE t ADD a bigserial NOT NULL",
            "ALTER TABLE t ADD a int NOT NULL GENERATED ALWAYS AS IDENTITY",
            "ALTER TABLE t ADD a int NOT NULL GENERATED ALWAYS AS (b + 1) STORED",
            "ALTER TABLE t ADD a some_domain NOT NULL",
            "CREATE TABLE t (b int); ALTER TABLE t ADD a int NOT NULL",
            "ALTER TABLE t ADD a int DEFAULT 0; ALTER TABLE t ALTER a DROP DEFAULT",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
