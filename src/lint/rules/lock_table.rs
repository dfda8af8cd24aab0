//! `LOCK TABLE`, which lasts until the batch commits.

use pg_query::NodeEnum;

use crate::diagnostic::Severity;
use crate::lint::tree::relation;
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;

pub(super) const RULE: Rule = Rule {
    name: "lock-table",
    severity: Severity::Warning,
    page: include_str!("../../../rules/lock-table.md"),
    halves: &[Kind::Batch],
    check,
};

/// `SHARE`, in the numbers of PostgreSQL's `lockdefs.h`: from here on writers
/// wait.
const SHARE: i32 = 5;

/// `ACCESS EXCLUSIVE`: readers wait too.
const ACCESS_EXCLUSIVE: i32 = 8;

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let NodeEnum::LockStmt(lock) = subject.node else {
        return Vec::new();
    };
    let mut tables = lock.relations.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::RangeVar(table)) => Some(table),
        _ => None,
    });
    let in_use = tables.find(|table| subject.is_in_use(Some(table)));
    let Some(table) = in_use.filter(|_| lock.mode >= SHARE) else {
        return Vec::new();
    };
    let doing = if lock.mode == ACCESS_EXCLUSIVE {
        "read or write"
    } else {
        "write"
    };
    let finding = subject
        .finding(format!(
            "nobody can {doing} `{}` until the whole batch has committed",
            relation(table)
        ))
        .label(subject.keywords("LOCK"), "is held to the end of the transaction")
        .help("leave it out: each statement takes the lock that it needs, and segue tries again where it cannot have it");
    vec![finding]
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "lock-table";

    #[test]
    fn a_table_in_use() {
        check(
            NAME,
            "LOCK TABLE t",
            &["1:1 nobody can read or write `t` until the whole batch has committed"],
        );
        check(
            NAME,
            "LOCK app.t IN SHARE ROW EXCLUSIVE MODE",
            &["1:1 nobody can write `app.t` until the whole batch has committed"],
        );
    }

    #[test]
    fn what_stops_nobody() {
        for sql in [
            "LOCK TABLE t IN ROW EXCLUSIVE MODE",
            "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE",
            "CREATE TABLE t (a int); LOCK TABLE t",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
