//! A constraint of a domain, for which all tables that use it are read under a lock.

use pg_query::NodeEnum;
use pg_query::protobuf::ConstrType;

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::{constraint, dotted, strings};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "domain-constraint-scans",
    severity: Severity::Error,
    page: include_str!("../../../rules/domain-constraint-scans.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let NodeEnum::AlterDomainStmt(alter) = subject.node else {
        return Vec::new();
    };
    let Some(name) = dotted(&strings(&alter.type_name)) else {
        return Vec::new();
    };
    if has_just_been_made(subject, &name) {
        return Vec::new();
    }
    let (words, help) = match alter.subtype.as_str() {
        // ADD CONSTRAINT and SET NOT NULL.
        "C" => {
            let added = alter.def.as_deref().and_then(constraint);
            let is_checked = added.is_some_and(|one| {
                !one.skip_validation && one.contype() == ConstrType::ConstrCheck
            });
            if !is_checked {
                return Vec::new();
            }
            (
                "ADD",
                "add it `NOT VALID`, and validate it when nobody writes to those tables: before PostgreSQL 18 that locks them as well",
            )
        }
        "O" => (
            "SET NOT NULL",
            "say NOT NULL of the columns instead: that can be proved by a CHECK which is validated beside the traffic",
        ),
        _ => return Vec::new(),
    };
    let finding = subject
        .finding(format!(
            "each table with a column of `{name}` is read from end to end, and nobody can write to it until this commits"
        ))
        .label(subject.keywords(words), "takes a SHARE lock on each")
        .help(help);
    vec![finding]
}

/// Whether the same file makes the domain, so that no table has it yet.
fn has_just_been_made(subject: &Subject<'_>, name: &crate::statement::RelationName) -> bool {
    subject.earlier().any(|node| match node {
        NodeEnum::CreateDomainStmt(create) => {
            dotted(&strings(&create.domainname)).is_some_and(|one| one.may_be(name))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "domain-constraint-scans";

    #[test]
    fn a_domain_that_tables_may_have() {
        let message = "each table with a column of `d` is read from end to end, and nobody can write to it until this commits";
        for (sql, at) in [
            ("ALTER DOMAIN d ADD CHECK (VALUE > 0)", 16),
            ("ALTER DOMAIN d SET NOT NULL", 16),
        ] {
            check(NAME, sql, &[&format!("1:{at} {message}")]);
        }
    }

    #[test]
    fn a_domain_that_none_has() {
        for sql in [
            "ALTER DOMAIN d ADD CHECK (VALUE > 0) NOT VALID",
            "CREATE DOMAIN d AS int; ALTER DOMAIN d ADD CHECK (VALUE > 0)",
            "ALTER DOMAIN d DROP NOT NULL",
            "ALTER DOMAIN d SET DEFAULT 1",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
