//! Something is dropped that code may still use.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, DropStmt, ObjectType};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::state::RelationKind;
use crate::lint::tree::{dotted, object, relation, strings};
use crate::lint::{Finding, Rule, Subject};
use crate::statement::RelationName;
use crate::text::Span;

pub(super) const RULE: Rule = Rule {
    name: "drop-breaks-code",
    severity: Severity::Warning,
    page: include_str!("../../../rules/drop-breaks-code.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    if let NodeEnum::DropStmt(drop) = subject.node {
        return dropped(subject, drop);
    }
    let commands = subject.commands_in_use().into_iter();
    commands
        .filter(|(_, command)| command.subtype() == AlterTableType::AtDropColumn)
        .filter(|(table, command)| {
            let known = subject.state.column(&relation(table), &command.name);
            !known.is_some_and(|known| subject.state.is_recent(known.made))
        })
        .map(|(table, command)| {
            let what = format!("column `{}` of `{}`", command.name, relation(table));
            finding(subject, &what, subject.column(&command.name))
        })
        .collect()
}

fn dropped(subject: &Subject<'_>, drop: &DropStmt) -> Vec<Finding> {
    let (kind, keywords) = match drop.remove_type() {
        ObjectType::ObjectTable => ("table", "DROP TABLE"),
        ObjectType::ObjectForeignTable => ("foreign table", "DROP FOREIGN TABLE"),
        ObjectType::ObjectView => ("view", "DROP VIEW"),
        ObjectType::ObjectMatview => ("materialized view", "DROP MATERIALIZED VIEW"),
        ObjectType::ObjectSchema => ("namespace", "DROP SCHEMA"),
        ObjectType::ObjectFunction => ("function", "DROP FUNCTION"),
        ObjectType::ObjectProcedure => ("procedure", "DROP PROCEDURE"),
        _ => return Vec::new(),
    };
    let names = drop.objects.iter().filter_map(|node| dotted(&object(node)));
    names
        .filter(|name| !is_unused(subject, name) && !comes_back(subject, name))
        .map(|name| {
            finding(
                subject,
                &format!("{kind} `{name}`"),
                subject.keywords(keywords),
            )
        })
        .collect()
}

/// Whether no code names it.
fn is_unused(subject: &Subject<'_>, name: &RelationName) -> bool {
    let state = subject.state;
    let known = state.relation(name);
    // Rows are read by the parent's name.
    let is_partition = known.is_some_and(|known| known.parent.is_some());
    let is_of_trigger = state
        .routine(name)
        .is_some_and(|routine| routine.is_of_trigger);
    let was_made = known
        .is_some_and(|known| known.kind == RelationKind::Temporary || state.is_recent(known.made));
    is_partition || is_of_trigger || was_made
}

/// Whether the file makes another one of the name afterwards.
fn comes_back(subject: &Subject<'_>, name: &RelationName) -> bool {
    let mut later = subject.later();
    later.any(|node| {
        let made = match node {
            NodeEnum::CreateStmt(create) => create.relation.as_ref().map(relation),
            NodeEnum::ViewStmt(create) => create.view.as_ref().map(relation),
            NodeEnum::CreateTableAsStmt(create) => {
                let into = create.into.as_ref();
                into.and_then(|into| into.rel.as_ref()).map(relation)
            }
            NodeEnum::CreateFunctionStmt(create) => dotted(&strings(&create.funcname)),
            NodeEnum::CreateSchemaStmt(create) => Some(RelationName::bare(&create.schemaname)),
            NodeEnum::RenameStmt(rename) => Some(RelationName::bare(&rename.newname)),
            _ => None,
        };
        made.is_some_and(|made| made.may_be(name))
    })
}

fn finding(subject: &Subject<'_>, what: &str, place: Span) -> Finding {
    subject
        .finding(format!("code that runs now may still use {what}"))
        .label(place, "is gone when this commits")
        .help("let a deployment of code that does not name it come first; then `-- segue: allow: drop-breaks-code, REASON` says so")
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "drop-breaks-code";

    #[test]
    fn what_code_may_use() {
        for (sql, what) in [
            ("DROP TABLE t", "table `t`"),
            ("DROP VIEW IF EXISTS app.v CASCADE", "view `app.v`"),
            ("DROP MATERIALIZED VIEW v", "materialized view `v`"),
            ("DROP SCHEMA app", "namespace `app`"),
            ("DROP FUNCTION f(int)", "function `f`"),
        ] {
            check(
                NAME,
                sql,
                &[&format!("1:1 code that runs now may still use {what}")],
            );
        }
        check(
            NAME,
            "ALTER TABLE t DROP COLUMN a, DROP b",
            &[
                "1:27 code that runs now may still use column `a` of `t`",
                "1:35 code that runs now may still use column `b` of `t`",
            ],
        );
    }

    #[test]
    fn what_no_code_uses() {
        for sql in [
            "CREATE TABLE t (a int); ALTER TABLE t DROP a; DROP TABLE t",
            "ALTER TABLE t ADD a int; ALTER TABLE t DROP a",
            "DROP VIEW v; CREATE VIEW v AS SELECT 1",
            "DROP FUNCTION f(int); CREATE FUNCTION f(bigint) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP TABLE old; ALTER TABLE new RENAME TO old",
            "DROP INDEX i; DROP TRIGGER g ON t; DROP TYPE e",
            "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; DROP FUNCTION f()",
            "ALTER TABLE t DROP CONSTRAINT c",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
