//! `REINDEX`: rebuilding what is built hurts nobody, so an interrupted one runs
//! again, unless it can be seen that it is done. `CONCURRENTLY` leaves
//! transient indexes behind, which queries do not use and writers pay for:
//! `_ccnew`, half built, or after the two have changed places `_ccold`, the one
//! that was to be replaced.

use super::{Ended, Index, Looked, Next};
use crate::statement::ReindexTarget;

/// What the statement rebuilds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reindex {
    /// How much.
    pub scope: Scope,
    /// `CONCURRENTLY`
    pub concurrently: bool,
}

/// How much `REINDEX` rebuilds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One index, with the indexes of all partitions if it is partitioned.
    Index,
    /// All indexes of a table, its TOAST table and its partitions.
    Table,
    /// All of a namespace or of the database: table by table.
    Many,
}

impl Reindex {
    /// What a statement rebuilds.
    #[must_use]
    pub fn of(target: &ReindexTarget, concurrently: bool) -> Self {
        let scope = match target {
            ReindexTarget::Index(_) => Scope::Index,
            ReindexTarget::Table(_) => Scope::Table,
            ReindexTarget::Namespace(_) | ReindexTarget::Database => Scope::Many,
        };
        Self {
            scope,
            concurrently,
        }
    }
}

/// The next step.
#[must_use]
pub fn next(wanted: Reindex, looked: &Looked) -> Next {
    if let Some(left) = left(looked) {
        return looked.wait_or_drop(left);
    }
    match looked.ended {
        Some(Ended::Well) => Next::Done {
            reason: out_of_reach(looked),
        },
        Some(Ended::Failed) => Next::Fail,
        None if is_done(wanted, looked) => Next::done(match wanted.scope {
            Scope::Index => "the index has been rebuilt since an earlier try began",
            Scope::Table | Scope::Many => {
                "the indexes have been rebuilt since an earlier try began"
            }
        }),
        Some(Ended::Curable) | None => looked.wait().unwrap_or(Next::Run),
    }
}

/// What removes the transient indexes of a try whose statement will not run
/// again.
#[must_use]
pub fn clean_up(looked: &Looked) -> Next {
    match left(looked) {
        Some(index) => looked.wait_or_drop(index),
        None => Next::Done {
            reason: out_of_reach(looked),
        },
    }
}

/// What a role without rights on the namespace of TOAST tables cannot drop, not
/// even what its own statement has left there: told, so that somebody else can.
fn out_of_reach(looked: &Looked) -> Option<String> {
    let names: Vec<String> = leftovers(looked)
        .filter(|index| !index.is_in_reach)
        .map(|index| format!("`DROP INDEX CONCURRENTLY {};`", index.qualified))
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "an interrupted REINDEX has left what only a superuser can drop: {}",
            names.join(" ")
        )
    })
}

/// A transient index that was not there before. Its OID may have been: the
/// `_ccold` is the index that was to be rebuilt.
fn left(looked: &Looked) -> Option<&Index> {
    let before = &looked.intent.as_ref()?.before.leftovers;
    leftovers(looked).find(|index| index.is_in_reach && !before.contains(&index.oid))
}

/// Whether an interrupted try has come to its end: `CONCURRENTLY` replaces
/// indexes by others, so that nothing is left of what there was.
fn is_done(wanted: Reindex, looked: &Looked) -> bool {
    let Some(intent) = &looked.intent else {
        return false;
    };
    if !wanted.concurrently || intent.failed {
        return false;
    }
    let is_there = |oid: u32| looked.indexes.iter().any(|index| index.oid == oid);
    match wanted.scope {
        Scope::Index => {
            let rebuilt = looked
                .indexes
                .iter()
                .find(|index| Some(index.oid) == looked.named && index.is_valid);
            rebuilt.is_some() && intent.target.is_some_and(|target| !is_there(target))
        }
        Scope::Table => {
            let before = || {
                let older = &intent.before.leftovers;
                intent
                    .indexes_before
                    .iter()
                    .filter(|oid| !older.contains(oid))
            };
            before().next().is_some() && !before().any(|oid| is_there(*oid))
        }
        Scope::Many => false,
    }
}

/// The transient indexes among what was looked at.
pub(super) fn leftovers(looked: &Looked) -> impl Iterator<Item = &Index> {
    looked
        .indexes
        .iter()
        .filter(|index| !index.is_valid && stem(&index.name).is_some())
}

/// `i` of `i_ccnew`, `i_ccold` and `i_ccnew3`: the index that a transient one
/// is made for.
#[must_use]
pub fn stem(transient: &str) -> Option<&str> {
    let undigited = transient.trim_end_matches(|char: char| char.is_ascii_digit());
    ["_ccnew", "_ccold"]
        .iter()
        .find_map(|suffix| undigited.strip_suffix(suffix))
}

#[cfg(test)]
mod tests {
    use super::super::Trace;
    use super::super::testing::{index, intent, looked, shown};
    use super::*;

    const INDEX: Reindex = Reindex {
        scope: Scope::Index,
        concurrently: true,
    };
    const TABLE: Reindex = Reindex {
        scope: Scope::Table,
        concurrently: true,
    };

    #[track_caller]
    fn check(wanted: Reindex, looked: &Looked, expected: &str) {
        assert_eq!(shown(&next(wanted, looked)), expected);
    }

    #[test]
    fn runs_and_is_done() {
        let mut facts = looked(vec![index(7, "i", "valid, other")]);
        check(INDEX, &facts, "run");
        facts.holders = vec![42];
        check(INDEX, &facts, "wait for [42]");
        facts.ended = Some(Ended::Well);
        check(INDEX, &facts, "done");
        facts.ended = Some(Ended::Failed);
        check(INDEX, &facts, "fail");
    }

    #[test]
    fn a_half_built_index_is_dropped_and_built_again() {
        let mut facts = looked(vec![
            index(7, "i", "valid, other"),
            index(8, "i_ccnew", "invalid, other"),
        ]);
        facts.named = Some(7);
        facts.intent = intent(&[7], Some(7));
        check(INDEX, &facts, "drop public.i_ccnew (8)");
        check(TABLE, &facts, "drop public.i_ccnew (8)");
        assert_eq!(shown(&clean_up(&facts)), "drop public.i_ccnew (8)");
        facts.holders = vec![42];
        check(INDEX, &facts, "wait for [42]");
        facts.holders.clear();
        facts.indexes.pop();
        check(INDEX, &facts, "run");
        check(TABLE, &facts, "run");
        facts.ended = Some(Ended::Failed);
        check(INDEX, &facts, "fail");
        facts.ended = Some(Ended::Curable);
        check(INDEX, &facts, "run");
    }

    #[test]
    fn after_the_swap_the_old_one_is_dropped_and_no_more() {
        let mut facts = looked(vec![
            index(7, "i_ccold", "invalid, other"),
            index(8, "i", "valid, other"),
        ]);
        facts.named = Some(8);
        facts.intent = intent(&[7], Some(7));
        check(INDEX, &facts, "drop public.i_ccold (7)");
        facts.indexes.remove(0);
        check(
            INDEX,
            &facts,
            "done: the index has been rebuilt since an earlier try began",
        );
        check(
            TABLE,
            &facts,
            "done: the indexes have been rebuilt since an earlier try began",
        );
        let plain = Reindex {
            concurrently: false,
            ..INDEX
        };
        check(plain, &facts, "run");
    }

    #[test]
    fn a_table_is_done_when_all_of_its_indexes_are_others() {
        let mut facts = looked(vec![
            index(8, "i", "valid, other"),
            index(9, "j", "valid, other"),
        ]);
        facts.intent = intent(&[7, 9], None);
        check(TABLE, &facts, "run");
        facts.indexes[1].oid = 10;
        check(
            TABLE,
            &facts,
            "done: the indexes have been rebuilt since an earlier try began",
        );
        if let Some(intent) = &mut facts.intent {
            intent.failed = true;
        }
        check(TABLE, &facts, "run");
    }

    #[test]
    fn what_others_left_before_stays() {
        let mut facts = looked(vec![
            index(7, "i", "valid, other"),
            index(8, "i_ccnew", "invalid, other"),
        ]);
        assert_eq!(facts.before().leftovers, [8]);
        check(TABLE, &facts, "run");
        let before = facts.before();
        facts.intent = intent(&[7, 8], None).map(|intent| Trace { before, ..intent });
        check(TABLE, &facts, "run");
        assert_eq!(shown(&clean_up(&facts)), "done");
        facts.indexes[0].oid = 9;
        check(
            TABLE,
            &facts,
            "done: the indexes have been rebuilt since an earlier try began",
        );
    }

    #[test]
    fn what_cannot_be_dropped_is_told_and_stops_nobody() {
        let mut facts = looked(vec![
            index(7, "i", "valid, other"),
            index(8, "toast_ccold", "invalid, other"),
        ]);
        facts.indexes[1].is_in_reach = false;
        facts.intent = intent(&[7, 8], None);
        check(TABLE, &facts, "run");
        facts.ended = Some(Ended::Well);
        let told = "done: an interrupted REINDEX has left what only a superuser can drop: `DROP INDEX CONCURRENTLY public.toast_ccold;`";
        check(TABLE, &facts, told);
        assert_eq!(shown(&clean_up(&facts)), told);
    }

    #[test]
    fn transient_names_are_known() {
        assert_eq!(stem("i_ccnew"), Some("i"));
        assert_eq!(stem("i_ccold12"), Some("i"));
        assert_eq!(stem("i_new"), None);
    }
}
