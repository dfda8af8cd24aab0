//! `CREATE INDEX CONCURRENTLY IF NOT EXISTS`.

use pg_query::NodeEnum;

use crate::diagnostic::Severity;
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;

pub(super) const RULE: Rule = Rule {
    name: "concurrent-if-not-exists",
    severity: Severity::Warning,
    page: include_str!("../../../rules/concurrent-if-not-exists.md"),
    halves: &[Kind::Standalone, Kind::Concurrent],
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let NodeEnum::IndexStmt(create) = subject.node else {
        return Vec::new();
    };
    if !create.concurrent || !create.if_not_exists {
        return Vec::new();
    }
    let finding = subject
        .finding(format!(
            "an index that is named `{}` and is another one would be taken for this one",
            create.idxname
        ))
        .label(subject.keywords("IF NOT EXISTS"), "looks at the name alone")
        .help("leave it out: segue sees by itself whether the index is there already, and builds one anew that was left invalid");
    vec![finding]
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "concurrent-if-not-exists";

    #[test]
    fn the_name_is_not_the_index() {
        check(
            NAME,
            "-- segue: begin-concurrent-migration-with: a.sql\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
            &["2:27 an index that is named `i` and is another one would be taken for this one"],
        );
    }

    #[test]
    fn others_may() {
        for sql in [
            "-- segue: no-txn\nCREATE INDEX CONCURRENTLY i ON t (a)",
            "CREATE INDEX IF NOT EXISTS i ON t (a)",
            "-- segue: no-txn\nDROP INDEX CONCURRENTLY IF EXISTS i",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
