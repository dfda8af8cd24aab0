//! A statement of a transactional file that PostgreSQL refuses there, which its
//! own text does not tell: what it does has to be known.

use pg_query::NodeEnum;
use pg_query::protobuf::ReindexObjectType;

use crate::diagnostic::Severity;
use crate::lint::state::RelationKind;
use crate::lint::tree::{dotted, option, relation, strings};
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;
use crate::statement::{RelationName, body_ends_transaction};

pub(super) const RULE: Rule = Rule {
    name: "refused-in-transaction",
    severity: Severity::Error,
    page: include_str!("../../../rules/refused-in-transaction.md"),
    halves: &[Kind::Batch],
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    refused(subject)
        .map(|(what, why)| {
            subject
                .finding(format!("{what} cannot run inside a transaction block"))
                .label(subject.whole(), why)
                .help(subject.file.name.outside_help())
        })
        .into_iter()
        .collect()
}

/// What is refused, and why.
fn refused(subject: &Subject<'_>) -> Option<(String, &'static str)> {
    let state = subject.state;
    let is_partitioned = |name: &RelationName| {
        let known = state.relation(name);
        known.is_some_and(|known| known.kind == RelationKind::Partitioned)
    };
    match subject.node {
        NodeEnum::DoStmt(block) => {
            let language = option(&block.args, "language").and_then(text);
            let body = option(&block.args, "as").and_then(text)?;
            let is_plpgsql = language.is_none_or(|language| language == "plpgsql");
            (is_plpgsql && body_ends_transaction(&body)).then(|| {
                (
                    "a `DO` block that commits or rolls back".to_owned(),
                    "ends transactions by itself",
                )
            })
        }
        NodeEnum::CallStmt(call) => {
            let name = dotted(&strings(&call.funccall.as_ref()?.funcname))?;
            state.routine(&name)?.ends_transaction.then(|| {
                (
                    format!("procedure `{name}`"),
                    "commits or rolls back by itself",
                )
            })
        }
        NodeEnum::ReindexStmt(reindex) => {
            let name = reindex.relation.as_ref().map(relation)?;
            let is_refused = match reindex.kind() {
                ReindexObjectType::ReindexObjectTable => is_partitioned(&name),
                ReindexObjectType::ReindexObjectIndex => {
                    is_partitioned(state.relation(&name)?.table.as_ref()?)
                }
                _ => false,
            };
            is_refused.then(|| {
                (
                    format!("`REINDEX` of the partitioned `{name}`"),
                    "commits after each partition",
                )
            })
        }
        NodeEnum::ClusterStmt(cluster) => {
            let name = cluster.relation.as_ref().map(relation)?;
            is_partitioned(&name).then(|| {
                (
                    format!("`CLUSTER` of the partitioned `{name}`"),
                    "commits after each partition",
                )
            })
        }
        _ => None,
    }
}

fn text(option: &pg_query::protobuf::DefElem) -> Option<String> {
    match option.arg.as_deref()?.node.as_ref()? {
        NodeEnum::String(string) => Some(string.sval.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "refused-in-transaction";

    #[test]
    fn what_commits_by_itself() {
        check(
            NAME,
            "DO $$ BEGIN COMMIT; END $$",
            &["1:1 a `DO` block that commits or rolls back cannot run inside a transaction block"],
        );
        check(
            NAME,
            "CREATE PROCEDURE app.p() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';\nCALL app.p()",
            &["2:1 procedure `app.p` cannot run inside a transaction block"],
        );
        check(
            NAME,
            "CREATE TABLE t (a int) PARTITION BY LIST (a);\nCREATE INDEX i ON t (a);\nREINDEX TABLE t;\nREINDEX INDEX i;\nCLUSTER t USING i",
            &[
                "3:1 `REINDEX` of the partitioned `t` cannot run inside a transaction block",
                "4:1 `REINDEX` of the partitioned `i` cannot run inside a transaction block",
                "5:1 `CLUSTER` of the partitioned `t` cannot run inside a transaction block",
            ],
        );
    }

    #[test]
    fn what_does_not() {
        for sql in [
            "DO $$ BEGIN PERFORM 1; END $$",
            "-- segue: no-txn\nDO $$ BEGIN COMMIT; END $$",
            "CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN END'; CALL p()",
            "CALL unknown()",
            "CREATE TABLE t (a int); REINDEX TABLE t; CLUSTER t USING i",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
