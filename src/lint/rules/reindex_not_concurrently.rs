//! `REINDEX` without `CONCURRENTLY`.

use pg_query::NodeEnum;
use pg_query::protobuf::ReindexObjectType;

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::{flag, relation};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "reindex-not-concurrently",
    severity: Severity::Error,
    page: include_str!("../../../rules/reindex-not-concurrently.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let NodeEnum::ReindexStmt(reindex) = subject.node else {
        return Vec::new();
    };
    if flag(&reindex.params, "concurrently", false) {
        return Vec::new();
    }
    let name = reindex.relation.as_ref().map(relation);
    let what = match (reindex.kind(), name) {
        (ReindexObjectType::ReindexObjectTable, Some(table)) if !subject.state.is_new(&table) => {
            format!("`{table}`")
        }
        (ReindexObjectType::ReindexObjectIndex, Some(index)) => {
            let known = subject.state.relation(&index);
            let table = known.and_then(|known| known.table.as_ref());
            if table.is_some_and(|table| subject.state.is_new(table)) {
                return Vec::new();
            }
            format!("the table of `{index}`")
        }
        (ReindexObjectType::ReindexObjectSchema, _) => {
            format!("each table of namespace `{}`", reindex.name)
        }
        (ReindexObjectType::ReindexObjectDatabase, _) => "each table".to_owned(),
        // The catalogs cannot be reindexed concurrently.
        _ => return Vec::new(),
    };
    let finding = subject
        .finding(format!(
            "no row of {what} can be written while its indexes are built anew"
        ))
        .label(
            subject.keywords("REINDEX"),
            "locks the table against writes, and readers out of the index",
        )
        .help("write `REINDEX … CONCURRENTLY` in a concurrent migration");
    vec![finding]
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "reindex-not-concurrently";

    #[test]
    fn what_is_in_use() {
        for (sql, what) in [
            ("REINDEX TABLE t", "`t`"),
            ("REINDEX (VERBOSE) INDEX app.i", "the table of `app.i`"),
            (
                "REINDEX (CONCURRENTLY false) SCHEMA a",
                "each table of namespace `a`",
            ),
            ("REINDEX DATABASE d", "each table"),
        ] {
            let expected =
                format!("2:1 no row of {what} can be written while its indexes are built anew");
            check(NAME, &format!("-- segue: no-txn\n{sql}"), &[&expected]);
        }
    }

    #[test]
    fn what_stops_nobody() {
        for sql in [
            "REINDEX TABLE CONCURRENTLY t",
            "REINDEX (CONCURRENTLY) INDEX i",
            "REINDEX SYSTEM d",
            "CREATE TABLE t (a int); CREATE INDEX i ON t (a); REINDEX TABLE t; REINDEX INDEX i",
        ] {
            check(NAME, &format!("-- segue: no-txn\n{sql}"), &[]);
        }
    }
}
