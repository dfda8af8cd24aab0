//! `TRUNCATE … CASCADE`, which empties tables that it does not name.

use pg_query::NodeEnum;
use pg_query::protobuf::{DropBehavior, RangeVar};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::relation;
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "truncate-cascade",
    severity: Severity::Error,
    page: include_str!("../../../rules/truncate-cascade.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let NodeEnum::TruncateStmt(truncate) = subject.node else {
        return Vec::new();
    };
    if truncate.behavior() != DropBehavior::DropCascade {
        return Vec::new();
    }
    let tables = truncate
        .relations
        .iter()
        .filter_map(|node| match &node.node {
            Some(NodeEnum::RangeVar(table)) => Some(table),
            _ => None,
        });
    let in_use: Vec<&RangeVar> = tables
        .filter(|table| subject.is_in_use(Some(table)))
        .collect();
    let Some(first) = in_use.first() else {
        return Vec::new();
    };
    let finding = subject
        .finding(format!(
            "whatever has a foreign key to `{}`, directly or by others, is emptied too",
            relation(first)
        ))
        .label(subject.keywords("CASCADE"), "names none of them")
        .help("name all the tables, `TRUNCATE a, b`: it fails where one is forgotten");
    vec![finding]
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "truncate-cascade";

    #[test]
    fn tables_that_are_not_named() {
        let message = "whatever has a foreign key to `t`, directly or by others, is emptied too";
        check(NAME, "TRUNCATE t CASCADE", &[&format!("1:12 {message}")]);
        check(
            NAME,
            "CREATE TABLE n (a int); TRUNCATE n, t CASCADE",
            &[&format!("1:39 {message}")],
        );
    }

    #[test]
    fn tables_that_are() {
        for sql in [
            "TRUNCATE t",
            "TRUNCATE t, u RESTRICT",
            "CREATE TABLE t (a int); TRUNCATE t CASCADE",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
