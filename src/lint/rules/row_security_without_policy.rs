//! Row-level security without a policy: all rows are gone for the application.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, RangeVar};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::relation;
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "row-security-without-policy",
    severity: Severity::Error,
    page: include_str!("../../../rules/row-security-without-policy.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let commands = subject.commands_in_use().into_iter();
    let enabled =
        commands.filter(|(_, command)| command.subtype() == AlterTableType::AtEnableRowSecurity);
    let found = enabled.filter(|(table, _)| !has_policy(subject, table));
    found
        .map(|(table, _)| {
            subject
                .finding(format!(
                    "`{}` has no row for anybody but its owner when this commits",
                    relation(table)
                ))
                .label(
                    subject.keywords("ENABLE ROW LEVEL SECURITY"),
                    "without a policy nothing may be read or written",
                )
                .help("create the policies in the same file")
        })
        .collect()
}

/// Whether a policy of the table is made in the same file.
fn has_policy(subject: &Subject<'_>, table: &RangeVar) -> bool {
    let name = relation(table);
    subject.others().any(|node| match node {
        NodeEnum::CreatePolicyStmt(policy) => policy
            .table
            .as_ref()
            .is_some_and(|table| relation(table).may_be(&name)),
        // What a block of code makes is not seen.
        NodeEnum::DoStmt(_) => true,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "row-security-without-policy";

    #[test]
    fn a_table_in_use() {
        check(
            NAME,
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON u USING (true)",
            &["1:15 `t` has no row for anybody but its owner when this commits"],
        );
    }

    #[test]
    fn a_table_with_policies_or_new() {
        for sql in [
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true)",
            "CREATE POLICY p ON t USING (true); ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE t DISABLE ROW LEVEL SECURITY",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
