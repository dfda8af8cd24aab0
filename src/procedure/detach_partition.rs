//! `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`: two transactions. Between
//! them the partition gets no rows any more, and those that it has are not seen
//! through the partitioned table. There is no way back, only `FINALIZE`.

use super::{Ended, Looked, Next, Partition};

/// The next step.
#[must_use]
pub fn next(looked: &Looked) -> Next {
    if looked.ended == Some(Ended::Well) {
        return Next::Done { reason: None };
    }
    match (&looked.intent, &looked.partition) {
        // One that never was a partition of this table is the server's to refuse.
        (Some(intent), None)
            if intent.before.was_partition
                && intent.target.is_some()
                && intent.target == looked.named =>
        {
            return Next::done("the partition has been detached since an earlier try began");
        }
        (Some(intent), Some(partition))
            if partition.is_detaching && !intent.before.was_detaching =>
        {
            // Cancelled on purpose, for example: the error is told first, and
            // the next run goes on.
            return match looked.ended {
                Some(Ended::Failed) => Next::Fail,
                _ => finalize(looked, partition),
            };
        }
        _ => {}
    }
    match looked.ended {
        Some(Ended::Failed) => Next::Fail,
        _ => looked.wait().unwrap_or(Next::Run),
    }
}

/// A partition whose rows nobody sees helps nobody, and it cannot be attached
/// again before it is detached.
#[must_use]
pub fn clean_up(looked: &Looked) -> Next {
    match (&looked.intent, &looked.partition) {
        (Some(intent), Some(partition))
            if partition.is_detaching && !intent.before.was_detaching =>
        {
            finalize(looked, partition)
        }
        _ => Next::Done { reason: None },
    }
}

fn finalize(looked: &Looked, partition: &Partition) -> Next {
    let Some(parent) = &looked.table else {
        return Next::Run;
    };
    looked.wait().unwrap_or_else(|| Next::Finalize {
        parent: parent.name.clone(),
        partition: partition.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Trace;
    use super::super::testing::{intent, looked, shown};
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "for a field that is an option")]
    fn partition(is_detaching: bool) -> Option<Partition> {
        Some(Partition {
            name: "public.p".to_owned(),
            is_detaching,
        })
    }

    #[track_caller]
    fn check(looked: &Looked, expected: &str) {
        assert_eq!(shown(&next(looked)), expected);
    }

    #[test]
    fn runs_and_is_done() {
        let mut facts = looked(vec![]);
        facts.named = Some(7);
        facts.partition = partition(false);
        check(&facts, "run");
        facts.holders = vec![42];
        check(&facts, "wait for [42]");
        facts.ended = Some(Ended::Failed);
        check(&facts, "fail");
        facts.ended = Some(Ended::Well);
        check(&facts, "done");
    }

    #[test]
    fn what_is_not_attached_is_left_to_the_servers_words() {
        let mut facts = looked(vec![]);
        facts.named = Some(7);
        check(&facts, "run");
        facts.intent = intent(&[], Some(6));
        check(&facts, "run");
        facts.intent = intent(&[], Some(7));
        check(&facts, "run");
        facts.ended = Some(Ended::Failed);
        check(&facts, "fail");
    }

    #[test]
    fn an_interrupted_one_is_finalized() {
        let mut facts = looked(vec![]);
        facts.named = Some(7);
        facts.partition = partition(false);
        let before = facts.before();
        facts.intent = intent(&[], Some(7)).map(|intent| Trace { before, ..intent });
        check(&facts, "run");
        facts.partition = partition(true);
        check(&facts, "finalize public.p of public.t");
        assert_eq!(shown(&clean_up(&facts)), "finalize public.p of public.t");
        facts.holders = vec![42];
        check(&facts, "wait for [42]");
        facts.holders.clear();
        facts.ended = Some(Ended::Curable);
        check(&facts, "finalize public.p of public.t");
        facts.ended = Some(Ended::Failed);
        check(&facts, "fail");
        facts.ended = None;
        facts.partition = None;
        check(
            &facts,
            "done: the partition has been detached since an earlier try began",
        );
        assert_eq!(shown(&clean_up(&facts)), "done");
    }

    #[test]
    fn what_somebody_else_left_half_way_is_not_ours() {
        let mut facts = looked(vec![]);
        facts.named = Some(7);
        facts.partition = partition(true);
        assert!(facts.before().was_detaching);
        let before = facts.before();
        facts.intent = intent(&[], Some(7)).map(|intent| Trace { before, ..intent });
        check(&facts, "run");
        assert_eq!(shown(&clean_up(&facts)), "done");
    }
}
