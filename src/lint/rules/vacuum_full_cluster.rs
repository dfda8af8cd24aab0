//! A table written anew, for its layout alone, while nobody may read it.

use pg_query::NodeEnum;
use pg_query::protobuf::AlterTableType;

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::{flag, relation, table_commands};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "vacuum-full-cluster",
    severity: Severity::Error,
    page: include_str!("../../../rules/vacuum-full-cluster.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let finding = |table: &str, words: &str, help: &str| {
        subject
            .finding(format!(
                "nobody can read or write {table} while all of it is written anew"
            ))
            .label(subject.keywords(words), "takes an ACCESS EXCLUSIVE lock")
            .help(help)
    };
    let quiet =
        "do it when nobody uses the table, or with `pg_repack`, which copies it beside the traffic";
    match subject.node {
        NodeEnum::VacuumStmt(vacuum) if flag(&vacuum.options, "full", false) => {
            let mut tables = vacuum.rels.iter().filter_map(|node| match &node.node {
                Some(NodeEnum::VacuumRelation(one)) => one.relation.as_ref(),
                _ => None,
            });
            let table = if vacuum.rels.is_empty() {
                "each table of the database".to_owned()
            } else {
                match tables.find(|table| subject.is_in_use(Some(table))) {
                    Some(table) => format!("`{}`", relation(table)),
                    None => return Vec::new(),
                }
            };
            let help = "a plain `VACUUM` stops nobody, and lets the room be used again; otherwise `pg_repack`";
            vec![finding(&table, "FULL", help)]
        }
        NodeEnum::ClusterStmt(cluster) => match &cluster.relation {
            None => vec![finding("each clustered table", "CLUSTER", quiet)],
            Some(table) if subject.is_in_use(Some(table)) => {
                vec![finding(&format!("`{}`", relation(table)), "CLUSTER", quiet)]
            }
            Some(_) => Vec::new(),
        },
        node => table_commands(node)
            .into_iter()
            .filter(|(table, _)| subject.is_in_use(Some(table)))
            .filter_map(|(table, command)| {
                let words = match command.subtype() {
                    AlterTableType::AtSetLogged => "SET LOGGED",
                    AlterTableType::AtSetUnLogged => "SET UNLOGGED",
                    AlterTableType::AtSetAccessMethod => "SET ACCESS METHOD",
                    AlterTableType::AtSetTableSpace => "SET TABLESPACE",
                    _ => return None,
                };
                Some(finding(&format!("`{}`", relation(table)), words, quiet))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "vacuum-full-cluster";

    #[test]
    fn tables_in_use() {
        for (sql, at) in [
            ("VACUUM FULL t", 8),
            ("VACUUM (ANALYZE, FULL) t", 18),
            ("CLUSTER t USING i", 1),
            ("ALTER TABLE t SET UNLOGGED", 15),
            ("ALTER TABLE t SET LOGGED", 15),
            ("ALTER TABLE t SET ACCESS METHOD heap", 15),
            ("ALTER TABLE t SET TABLESPACE fast", 15),
        ] {
            let expected =
                format!("2:{at} nobody can read or write `t` while all of it is written anew");
            check(NAME, &format!("-- segue: no-txn\n{sql}"), &[&expected]);
        }
        check(
            NAME,
            "-- segue: no-txn\nVACUUM FULL",
            &[
                "2:8 nobody can read or write each table of the database while all of it is written anew",
            ],
        );
    }

    #[test]
    fn what_stops_nobody() {
        for sql in [
            "VACUUM t",
            "VACUUM (FULL off) t",
            "CREATE TABLE t (a int); CLUSTER t USING i",
            "CREATE TABLE t (a int); ALTER TABLE t SET UNLOGGED",
            "ALTER TABLE t SET WITHOUT CLUSTER",
            "ALTER INDEX i SET TABLESPACE fast",
        ] {
            check(NAME, &format!("-- segue: no-txn\n{sql}"), &[]);
        }
    }
}
