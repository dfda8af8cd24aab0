//! `DROP … CASCADE`, which drops what it does not name.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, DropBehavior, ObjectType};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::{dotted, object, table_commands};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "drop-cascade",
    severity: Severity::Warning,
    page: include_str!("../../../rules/drop-cascade.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let what = match subject.node {
        NodeEnum::DropStmt(drop) if drop.behavior() == DropBehavior::DropCascade => {
            // Nothing depends on these but what comes and goes with them.
            if matches!(
                drop.remove_type(),
                ObjectType::ObjectTrigger | ObjectType::ObjectPolicy | ObjectType::ObjectRule
            ) {
                return Vec::new();
            }
            let names = drop.objects.iter().filter_map(|node| dotted(&object(node)));
            let older = names.filter(|name| !subject.state.is_new(name));
            older.map(|name| name.to_string()).next()
        }
        node => table_commands(node)
            .into_iter()
            .filter(|(table, command)| {
                command.behavior() == DropBehavior::DropCascade
                    && matches!(
                        command.subtype(),
                        AlterTableType::AtDropColumn | AlterTableType::AtDropConstraint
                    )
                    && subject.is_in_use(Some(table))
            })
            .map(|(table, command)| format!("{}.{}", table.relname, command.name))
            .next(),
    };
    let Some(what) = what else {
        return Vec::new();
    };
    let finding = subject
        .finding(format!(
            "views, foreign keys and whatever else depends on `{what}` are dropped without a word"
        ))
        .label(subject.keywords("CASCADE"), "names none of them")
        .help("drop what depends on it by name, then it without CASCADE: that fails where something else still needs it");
    vec![finding]
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "drop-cascade";

    #[test]
    fn what_is_not_named() {
        for (sql, at, what) in [
            ("DROP TABLE t CASCADE", 14, "t"),
            ("DROP TYPE app.e CASCADE", 17, "app.e"),
            ("DROP SCHEMA s CASCADE", 15, "s"),
            ("ALTER TABLE t DROP COLUMN a CASCADE", 29, "t.a"),
            ("ALTER TABLE t DROP CONSTRAINT k CASCADE", 33, "t.k"),
        ] {
            let expected = format!(
                "1:{at} views, foreign keys and whatever else depends on `{what}` are dropped without a word"
            );
            check(NAME, sql, &[&expected]);
        }
    }

    #[test]
    fn what_nobody_depends_on() {
        for sql in [
            "DROP TABLE t",
            "DROP TABLE t RESTRICT",
            "CREATE TABLE t (a int); DROP TABLE t CASCADE",
            "DROP TRIGGER g ON t CASCADE",
            "ALTER TABLE t DROP COLUMN a",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
