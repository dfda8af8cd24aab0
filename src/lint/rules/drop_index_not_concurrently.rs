//! `DROP INDEX` without `CONCURRENTLY`.

use pg_query::NodeEnum;
use pg_query::protobuf::ObjectType;

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::state::RelationKind;
use crate::lint::tree::{dotted, object};
use crate::lint::{Finding, Rule, Subject};
use crate::statement::RelationName;

pub(super) const RULE: Rule = Rule {
    name: "drop-index-not-concurrently",
    severity: Severity::Warning,
    page: include_str!("../../../rules/drop-index-not-concurrently.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let NodeEnum::DropStmt(drop) = subject.node else {
        return Vec::new();
    };
    if drop.concurrent || drop.remove_type() != ObjectType::ObjectIndex {
        return Vec::new();
    }
    let names = drop.objects.iter().filter_map(|node| dotted(&object(node)));
    let held: Vec<String> = names
        .filter(|name| !is_harmless(subject, name))
        .map(|name| format!("`{name}`"))
        .collect();
    if held.is_empty() {
        return Vec::new();
    }
    let finding = subject
        .finding(format!(
            "the table of {} can be neither read nor written from here to the commit",
            held.join(", ")
        ))
        .label(
            subject.keywords("DROP INDEX"),
            "takes the strongest lock on the table",
        )
        .help("write `DROP INDEX CONCURRENTLY` in a concurrent migration, one for each index");
    vec![finding]
}

/// Whether nobody uses the table of the index, or there is no other way.
fn is_harmless(subject: &Subject<'_>, index: &RelationName) -> bool {
    let state = subject.state;
    let Some(known) = state.relation(index) else {
        return false;
    };
    let Some(table) = &known.table else {
        return false;
    };
    // Refused for indexes of partitioned tables.
    let is_partitioned = state
        .relation(table)
        .is_some_and(|table| table.kind == RelationKind::Partitioned);
    state.is_new(table) || is_partitioned
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "drop-index-not-concurrently";

    #[test]
    fn an_index_of_an_old_table() {
        check(
            NAME,
            "DROP INDEX i",
            &["1:1 the table of `i` can be neither read nor written from here to the commit"],
        );
        check(
            NAME,
            "drop index if exists app.i, j",
            &[
                "1:1 the table of `app.i`, `j` can be neither read nor written from here to the commit",
            ],
        );
    }

    #[test]
    fn what_stops_nobody() {
        for sql in [
            "-- segue: begin-concurrent-migration-with: a.sql\nDROP INDEX CONCURRENTLY i",
            "CREATE TABLE t (a int); CREATE INDEX i ON t (a); DROP INDEX i",
            "CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE INDEX i ON t (a); DROP INDEX i",
            "DROP TABLE t",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
