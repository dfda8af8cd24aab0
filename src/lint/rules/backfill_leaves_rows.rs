//! A backfill by the physical place that does not come to rows which move.

use pg_query::protobuf::{CmdType, RangeVar, ResTarget};
use pg_query::{Node, NodeEnum};

use crate::backfill::Key;
use crate::diagnostic::Severity;
use crate::lint::state::Sync;
use crate::lint::tree::{assigned, relation, with_queries};
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;
use crate::statement::RelationName;

pub(super) const RULE: Rule = Rule {
    name: "backfill-leaves-rows",
    severity: Severity::Error,
    page: include_str!("../../../rules/backfill-leaves-rows.md"),
    halves: &[Kind::Concurrent],
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let backfill = subject.file.backfill.as_ref();
    let Some(backfill) = backfill.filter(|one| one.key == Key::Ctid) else {
        return Vec::new();
    };
    let by_place = ByPlace {
        subject,
        table: &backfill.table,
        syncs: subject.state.syncs(&backfill.table).collect(),
    };
    let queries = with_queries(subject.node);
    let mut found = queries.iter().filter_map(|node| by_place.written(node));
    if let Some(first) = found.next() {
        return vec![first];
    }
    // What a function does is not known; it may be what the triggers do.
    if by_place.syncs.is_empty() && !queries.iter().any(|node| writes(node)) {
        return vec![by_place.unsynced(None)];
    }
    Vec::new()
}

fn writes(node: &NodeEnum) -> bool {
    !matches!(node, NodeEnum::SelectStmt(_))
}

/// A backfill by `ctid`.
struct ByPlace<'a> {
    subject: &'a Subject<'a>,
    table: &'a RelationName,
    syncs: Vec<&'a Sync>,
}

impl ByPlace<'_> {
    /// What is to be said of a query that writes.
    fn written(&self, node: &NodeEnum) -> Option<Finding> {
        match node {
            NodeEnum::UpdateStmt(update) => {
                self.changed(update.relation.as_ref()?, &update.target_list)
            }
            NodeEnum::MergeStmt(merge) => {
                let clauses = merge.merge_when_clauses.iter();
                let sets = clauses.filter_map(|clause| match &clause.node {
                    Some(NodeEnum::MergeWhenClause(clause))
                        if clause.command_type() == CmdType::CmdUpdate =>
                    {
                        Some(clause.target_list.as_slice())
                    }
                    _ => None,
                });
                let sets: Vec<Node> = sets.flatten().cloned().collect();
                self.changed(merge.relation.as_ref()?, &sets)
            }
            NodeEnum::InsertStmt(insert) => {
                let conflict = insert.on_conflict_clause.as_ref();
                let sets = conflict.map_or(&[][..], |one| &one.target_list);
                self.changed(insert.relation.as_ref()?, sets)
            }
            NodeEnum::DeleteStmt(delete) => Some(self.elsewhere(delete.relation.as_ref()?)),
            _ => None,
        }
    }

    /// Of a statement that sets columns of that table.
    fn changed(&self, of: &RangeVar, sets: &[Node]) -> Option<Finding> {
        if !relation(of).may_be(self.table) {
            return Some(self.elsewhere(of));
        }
        let is_synced = |target: &ResTarget| self.syncs.iter().any(|one| one.fills(&target.name));
        let first = assigned(sets).next()?;
        let mut all = assigned(sets);
        (!all.any(is_synced)).then(|| self.unsynced(Some(first)))
    }

    /// Nobody fills what it fills in rows that are written meanwhile.
    fn unsynced(&self, target: Option<&ResTarget>) -> Finding {
        let finding = self.told();
        let finding = match target {
            Some(target) => finding.label(
                self.subject.word(target.location),
                format!(
                    "nothing fills `{}` of a row that is written meanwhile",
                    target.name
                ),
            ),
            None => finding.label(
                self.subject.whole(),
                "nothing does this for a row that is written meanwhile",
            ),
        };
        let column = target.map_or("COLUMN", |target| &target.name);
        finding
            .help(format!(
                "`SELECT segue.keep_in_sync('{}', '{column}', 'EXPRESSION');` in its partner makes triggers that do",
                self.table
            ))
            .help("or count the rows off by a key, which a row keeps when it moves")
    }

    /// Triggers of `segue.keep_in_sync` fill columns of the table itself only.
    fn elsewhere(&self, of: &RangeVar) -> Finding {
        self.told()
            .label(
                self.subject.word(of.location),
                "no trigger of `segue.keep_in_sync` does this for a row that is written meanwhile",
            )
            .help("count the rows off by a key, which a row keeps when it moves")
    }

    fn told(&self) -> Finding {
        self.subject.finding(format!(
            "a row of `{}` that moves behind the place that has been reached is left out by `ctid`",
            self.table
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::Release;
    use crate::lint::tests::check_files;

    const NAME: &str = "backfill-leaves-rows";

    /// What is said of a backfill behind this partner.
    #[track_caller]
    fn by(key: &str, partner: &str, sql: &str, expected: &[&str]) {
        let fill = format!(
            "-- segue: begin-concurrent-migration-with: a.sql\n-- segue: backfill: t by {key}\n{sql} {key} > :lower AND {key} <= :upper"
        );
        let files = [("a.sql", partner), ("b.sql", fill.as_str())];
        check_files(NAME, &files, Release::Together, expected);
        check_files(NAME, &files, Release::Apart, expected);
    }

    const SYNC: &str = "ALTER TABLE t ADD b int; SELECT segue.keep_in_sync('t', 'b', 'a + 1')";
    const SAID: &str =
        "a row of `t` that moves behind the place that has been reached is left out by `ctid`";

    #[test]
    fn rows_that_are_written_meanwhile() {
        for partner in [
            "ALTER TABLE t ADD b int",
            "SELECT segue.keep_in_sync('u', 'b', 'a')",
            "SELECT segue.keep_in_sync('t', 'c', 'a')",
            "SELECT segue.keep_in_sync('t', 'b', 'a'); SELECT segue.stop_sync('public.t', 'b')",
        ] {
            let expected = format!("3:14 {SAID}");
            by(
                "ctid",
                partner,
                "UPDATE t SET b = a + 1 WHERE",
                &[&expected],
            );
        }
        by(
            "ctid",
            "SELECT 1",
            "SELECT f(a) FROM t WHERE",
            &[&format!("3:1 {SAID}")],
        );
    }

    #[test]
    fn what_no_sync_does() {
        for (at, sql) in [
            ("3:13", "INSERT INTO u SELECT a FROM t WHERE"),
            ("3:13", "INSERT INTO u SELECT a FROM t WHERE b > 1 AND"),
            ("3:13", "DELETE FROM t WHERE a IS NULL AND"),
            ("3:8", "UPDATE u SET b = 1 FROM t WHERE u.a = t.a AND"),
            (
                "3:27",
                "WITH gone AS (DELETE FROM t WHERE a > 1 RETURNING a) INSERT INTO u SELECT a FROM t WHERE",
            ),
        ] {
            by("ctid", SYNC, sql, &[&format!("{at} {SAID}")]);
        }
    }

    #[test]
    fn what_is_kept_in_sync() {
        let update = "UPDATE t SET b = a + 1, n = 1 WHERE";
        for partner in [
            SYNC,
            "SELECT segue.keep_in_sync('public.T'::regclass, 'b', 'a'), 1",
            "SELECT segue.keep_in_sync(\"column\" => 'b', relation => 't', expression => 'a')",
            "SELECT segue.keep_in_sync(one, 'b', 'a') FROM unnest(ARRAY['t', 'u']::regclass[]) one",
            "DO $$ BEGIN PERFORM segue.keep_in_sync('t', 'b', 'a'); END $$",
            "SELECT segue.keep_in_sync('t', 'b', 'a'); SELECT segue.stop_sync('t', 'c')",
        ] {
            by("ctid", partner, update, &[]);
        }
        by("ctid", SYNC, "SELECT f(a) FROM t WHERE", &[]);
        by(
            "ctid",
            SYNC,
            "WITH s AS (SELECT 1) UPDATE public.t SET b = a + 1 WHERE",
            &[],
        );
        // A row keeps its key.
        by("id", "SELECT 1", update, &[]);
    }
}
