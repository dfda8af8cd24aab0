//! `DROP INDEX CONCURRENTLY`: a try that dies leaves an index that the planner
//! has lost already; running it again works.

use super::{Ended, Looked, Next, Refusal};

/// The next step.
#[must_use]
pub fn next(looked: &Looked) -> Next {
    if looked.ended == Some(Ended::Well) {
        return Next::Done { reason: None };
    }
    if let Some(table) = &looked.table
        && table.is_partitioned
    {
        let index = looked
            .indexes
            .iter()
            .find(|index| Some(index.oid) == looked.named);
        return Next::Refuse(partitioned(
            index.map_or(&table.name, |index| &index.qualified),
        ));
    }
    let target = looked.intent.as_ref().and_then(|intent| intent.target);
    if let Some(target) = target {
        let Some(index) = looked.indexes.iter().find(|index| index.oid == target) else {
            return Next::done(if looked.named.is_some() {
                "the index is gone; another one has its name now"
            } else {
                "the index is gone"
            });
        };
        if !index.is_valid && looked.named != Some(target) {
            // It was renamed half-way: what is meant is known by its OID.
            return looked.wait_or_drop(index);
        }
    }
    match looked.ended {
        Some(Ended::Failed) => Next::Fail,
        _ => looked.wait().unwrap_or(Next::Run),
    }
}

/// There is no way to do it without holding up others, and none to do it by
/// pieces: an attached index cannot be dropped alone.
fn partitioned(index: &str) -> Refusal {
    Refusal {
        message: format!(
            "`DROP INDEX CONCURRENTLY` on `{index}`, the index of a partitioned table"
        ),
        label: "PostgreSQL refuses this".to_owned(),
        notes: vec![
            "the indexes of the partitions belong to it and go with it, in one moment".to_owned(),
        ],
        help: format!(
            "write `DROP INDEX {index}` in a batch migration; it takes ACCESS EXCLUSIVE on the table and its partitions for that moment, and segue tries until it has that without holding up others for long"
        ),
    }
}

/// An index that was there before is never dropped by us, not even if the
/// planner has lost it.
#[must_use]
pub fn clean_up(looked: &Looked) -> Next {
    let target = looked.intent.as_ref().and_then(|intent| intent.target);
    let left = looked
        .indexes
        .iter()
        .find(|index| Some(index.oid) == target && !index.is_valid);
    match left {
        None => Next::Done { reason: None },
        Some(index) => looked.wait().unwrap_or_else(|| {
            Next::done(format!(
                "dropping `{0}` was interrupted and queries do not use it any more: `REINDEX INDEX CONCURRENTLY {0};` brings it back, `DROP INDEX CONCURRENTLY {0};` removes it",
                index.qualified
            ))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{index, intent, looked, shown};
    use super::*;

    #[track_caller]
    fn check(looked: &Looked, expected: &str) {
        assert_eq!(shown(&next(looked)), expected);
    }

    #[test]
    fn runs_and_is_done() {
        let mut facts = looked(vec![index(7, "i", "valid, other")]);
        facts.named = Some(7);
        check(&facts, "run");
        facts.holders = vec![42];
        check(&facts, "wait for [42]");
        facts.ended = Some(Ended::Well);
        check(&facts, "done");
        facts.ended = Some(Ended::Failed);
        check(&facts, "fail");
    }

    #[test]
    fn given_up_half_way_the_index_is_kept_and_told() {
        let mut facts = looked(vec![index(7, "i", "invalid, other")]);
        facts.intent = intent(&[], Some(7));
        assert_eq!(
            shown(&clean_up(&facts)),
            "done: dropping `public.i` was interrupted and queries do not use it any more: `REINDEX INDEX CONCURRENTLY public.i;` brings it back, `DROP INDEX CONCURRENTLY public.i;` removes it"
        );
        facts.indexes = vec![index(7, "i", "valid, other")];
        assert_eq!(shown(&clean_up(&facts)), "done");
    }

    #[test]
    fn an_interrupted_one_is_run_again() {
        let mut facts = looked(vec![index(7, "i", "invalid, other")]);
        facts.intent = intent(&[], Some(7));
        facts.named = Some(7);
        check(&facts, "run");
        facts.named = None;
        check(&facts, "drop public.i (7)");
        facts.indexes.clear();
        check(&facts, "done: the index is gone");
        facts.named = Some(8);
        check(
            &facts,
            "done: the index is gone; another one has its name now",
        );
    }
}
