//! `CREATE INDEX` without `CONCURRENTLY` on a table that is in use.

use pg_query::NodeEnum;

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::state::RelationKind;
use crate::lint::tree::relation;
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;

pub(super) const RULE: Rule = Rule {
    name: "index-not-concurrently",
    severity: Severity::Error,
    page: include_str!("../../../rules/index-not-concurrently.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let NodeEnum::IndexStmt(create) = subject.node else {
        return Vec::new();
    };
    let Some(table) = create.relation.as_ref().filter(|_| !create.concurrent) else {
        return Vec::new();
    };
    let known = subject.state.relation(&relation(table));
    // Nobody writes to a materialized view but REFRESH; an index of the parent
    // alone is made at once.
    let is_view = known.is_some_and(|known| known.kind == RelationKind::MaterializedView);
    if is_view || !table.inh || !subject.is_in_use(Some(table)) {
        return Vec::new();
    }
    let finding = subject
        .finding(format!(
            "no row of `{}` can be written while this index is built",
            table.relname
        ))
        .label(subject.keywords("INDEX"), "locks the table against writes");
    let help = match subject.file.kind {
        Kind::Batch | Kind::Standalone => {
            "build it with `CREATE INDEX CONCURRENTLY` in a file of its own, which begins with `-- segue: begin-concurrent-migration-with: FILE`"
        }
        Kind::Concurrent => "write `CREATE INDEX CONCURRENTLY`",
    };
    vec![finding.help(help)]
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "index-not-concurrently";

    #[test]
    fn an_index_on_an_old_table() {
        check(
            NAME,
            "CREATE INDEX i ON t (a)",
            &["1:8 no row of `t` can be written while this index is built"],
        );
        check(
            NAME,
            "-- segue: no-txn\ncreate unique index on app.t (a)",
            &["2:15 no row of `t` can be written while this index is built"],
        );
        check(
            NAME,
            "-- segue: begin-concurrent-migration-with: a.sql\nCREATE INDEX ON t (a)",
            &["2:8 no row of `t` can be written while this index is built"],
        );
    }

    #[test]
    fn an_index_that_stops_nobody() {
        for sql in [
            "-- segue: begin-concurrent-migration-with: a.sql\nCREATE INDEX CONCURRENTLY i ON t (a)",
            "CREATE TABLE t (a int); CREATE INDEX ON t (a)",
            "CREATE TABLE IF NOT EXISTS t (a int); CREATE INDEX ON public.t (a)",
            "CREATE TEMP TABLE t (a int); CREATE INDEX ON t (a)",
            "CREATE TABLE t AS SELECT 1 AS a; CREATE INDEX ON t (a)",
            "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE UNIQUE INDEX ON v (a)",
            "CREATE TABLE new (a int); ALTER TABLE new RENAME TO t; CREATE INDEX ON t (a)",
            "SET search_path = app; CREATE TABLE t (a int); CREATE INDEX ON app.t (a)",
            "CREATE SCHEMA app CREATE TABLE t (a int); CREATE INDEX ON app.t (a)",
            "CREATE TABLE app.t (a int); CREATE INDEX ON t (a)",
            "CREATE INDEX i ON ONLY t (a)",
        ] {
            check(NAME, sql, &[]);
        }
    }

    #[test]
    fn a_table_of_the_same_name_elsewhere_is_another_one() {
        check(
            NAME,
            "CREATE TABLE a.t (a int); CREATE INDEX ON b.t (a)",
            &["1:34 no row of `t` can be written while this index is built"],
        );
    }

    #[test]
    fn an_older_table_that_becomes_a_partition_counts() {
        check(
            NAME,
            "CREATE TABLE p (a int) PARTITION BY LIST (a); \
             ALTER TABLE p ATTACH PARTITION t DEFAULT; CREATE INDEX ON p (a)",
            &["1:96 no row of `p` can be written while this index is built"],
        );
    }
}
