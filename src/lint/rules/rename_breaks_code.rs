//! A rename of what running code knows by its old name.

use pg_query::NodeEnum;
use pg_query::protobuf::{ObjectType, RangeVar, RenameStmt};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::{dotted, object, relation};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "rename-breaks-code",
    severity: Severity::Error,
    page: include_str!("../../../rules/rename-breaks-code.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    match subject.node {
        NodeEnum::RenameStmt(rename) => renamed(subject, rename),
        NodeEnum::AlterEnumStmt(alter) if !alter.old_val.is_empty() => {
            vec![finding(
                subject,
                format!(
                    "code that runs now knows the value by the name `{}`",
                    alter.old_val
                ),
                "add the new value, move the rows over, and let code go without the old one",
            )]
        }
        _ => Vec::new(),
    }
}

fn renamed(subject: &Subject<'_>, rename: &RenameStmt) -> Vec<Finding> {
    let in_use = subject.is_in_use(rename.relation.as_ref());
    let shown = rename
        .relation
        .as_ref()
        .map(|one| relation(one).to_string());
    let table = shown.unwrap_or_default();
    let (what, help) = match rename.rename_type() {
        ObjectType::ObjectColumn | ObjectType::ObjectAttribute if in_use => {
            let column = &rename.subname;
            let made = rename
                .relation
                .as_ref()
                .and_then(|table| subject.state.column(&relation(table), column));
            if made.is_some_and(|column| subject.state.is_recent(column.made)) {
                return Vec::new();
            }
            (
                format!("column `{column}` of `{table}`"),
                "add a column of the new name, keep the two equal until no code uses the old one, then drop that in a later deployment",
            )
        }
        ObjectType::ObjectTable | ObjectType::ObjectForeignTable
            if in_use && !has_successor(subject, &table) =>
        {
            (
                format!("table `{table}`"),
                "make a view of the old name in the same file, or keep the name",
            )
        }
        ObjectType::ObjectView | ObjectType::ObjectMatview if in_use => (
            format!("view `{table}`"),
            "make a second view of the new name, and drop the old one in a later deployment",
        ),
        ObjectType::ObjectSchema => (
            format!("namespace `{}`", rename.subname),
            "keep the name: whatever code names with it would be gone",
        ),
        ObjectType::ObjectFunction | ObjectType::ObjectProcedure | ObjectType::ObjectRoutine => {
            let name = rename
                .object
                .as_deref()
                .and_then(|node| dotted(&object(node)));
            let Some(name) = name else {
                return Vec::new();
            };
            (
                format!("routine `{name}`"),
                "make a second one of the new name, and drop the old one in a later deployment",
            )
        }
        _ => return Vec::new(),
    };
    vec![finding(
        subject,
        format!("code that runs now knows {what} by its old name"),
        help,
    )]
}

/// Whether something else takes the name behind the statement: a view, or a
/// table that has been filled meanwhile.
fn has_successor(subject: &Subject<'_>, old: &str) -> bool {
    let is_old = |name: Option<&RangeVar>| {
        name.is_some_and(|name| relation(name).to_string() == old || name.relname == old)
    };
    subject.later().any(|node| match node {
        NodeEnum::ViewStmt(create) => is_old(create.view.as_ref()),
        NodeEnum::CreateStmt(create) => is_old(create.relation.as_ref()),
        NodeEnum::RenameStmt(rename) => {
            let name = old.rsplit('.').next();
            rename.rename_type() == ObjectType::ObjectTable && name == Some(rename.newname.as_str())
        }
        _ => false,
    })
}

fn finding(subject: &Subject<'_>, message: String, help: &str) -> Finding {
    subject
        .finding(message)
        .label(subject.keywords("RENAME"), "is gone when this commits")
        .help(help)
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "rename-breaks-code";

    #[test]
    fn what_code_may_know() {
        for (sql, expected) in [
            (
                "ALTER TABLE t RENAME COLUMN a TO b",
                "1:15 code that runs now knows column `a` of `t` by its old name",
            ),
            (
                "ALTER TABLE app.t RENAME TO u",
                "1:19 code that runs now knows table `app.t` by its old name",
            ),
            (
                "ALTER VIEW v RENAME TO w",
                "1:14 code that runs now knows view `v` by its old name",
            ),
            (
                "ALTER VIEW v RENAME COLUMN a TO b",
                "1:14 code that runs now knows column `a` of `v` by its old name",
            ),
            (
                "ALTER TYPE e RENAME VALUE 'a' TO 'b'",
                "1:14 code that runs now knows the value by the name `a`",
            ),
            (
                "ALTER SCHEMA a RENAME TO b",
                "1:16 code that runs now knows namespace `a` by its old name",
            ),
            (
                "ALTER FUNCTION f(int) RENAME TO g",
                "1:23 code that runs now knows routine `f` by its old name",
            ),
        ] {
            check(NAME, sql, &[expected]);
        }
    }

    #[test]
    fn what_no_code_knows() {
        for sql in [
            "CREATE TABLE t (a int); ALTER TABLE t RENAME a TO b; ALTER TABLE t RENAME TO u",
            "ALTER TABLE t ADD COLUMN a int; ALTER TABLE t RENAME a TO b",
            "ALTER TABLE t RENAME TO u; CREATE VIEW t AS SELECT * FROM u",
            "ALTER TABLE app.t RENAME TO u; CREATE VIEW app.t AS SELECT * FROM app.u",
            "CREATE TABLE n (a int); ALTER TABLE t RENAME TO o; ALTER TABLE n RENAME TO t",
            "ALTER INDEX i RENAME TO j",
            "ALTER TABLE t RENAME CONSTRAINT a TO b",
            "ALTER SEQUENCE s RENAME TO r",
            "CREATE TEMP TABLE t (a int); ALTER TABLE t RENAME a TO b",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
