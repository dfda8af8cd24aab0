//! Other statements that refuse a transaction block: what they leave behind is
//! not looked for, so an interrupted one is reported, never guessed.

use super::{Ended, Looked, Next, Refusal};

/// What running a statement twice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// No harm: `VACUUM`, `ANALYZE`, `CLUSTER`, `REFRESH MATERIALIZED VIEW`,
    /// `ALTER SYSTEM`, and what says `rerunnable`.
    Harmless,
    /// Repeats what it had committed before it died: `CALL` or `DO` with a
    /// COMMIT of its own.
    Commits,
    /// Not known: it refuses a transaction block, and segue does not know it.
    Once,
}

/// The next step.
#[must_use]
pub fn next(nature: Nature, looked: &Looked) -> Next {
    match (looked.ended, &looked.intent) {
        (Some(Ended::Well), _) => Next::Done { reason: None },
        (Some(Ended::Curable), _) | (None, Some(_)) if nature == Nature::Harmless => Next::Run,
        (Some(_), _) => Next::Fail,
        (None, None) => Next::Run,
        (None, Some(intent)) => match (nature, intent.failed) {
            (Nature::Once, true) => Next::Run,
            (_, failed) => Next::Ask(interrupted(failed)),
        },
    }
}

fn interrupted(failed: bool) -> Refusal {
    let (message, note) = if failed {
        (
            "an earlier try of this statement failed after it may have committed a part",
            "it commits by itself, so what it did before the error stays",
        )
    } else {
        (
            "an earlier try of this statement was interrupted, and whether it was done cannot be known",
            "its runner or its connection died while it ran, and segue does not know where to look for its effect",
        )
    };
    Refusal {
        message: message.to_owned(),
        label: "not run again by itself".to_owned(),
        notes: vec![note.to_owned()],
        help: "look what it has done".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{intent, looked, shown};
    use super::*;

    #[track_caller]
    fn check(nature: Nature, looked: &Looked, expected: &str) {
        assert_eq!(shown(&next(nature, looked)), expected);
    }

    #[test]
    fn the_first_try_runs_and_its_end_counts() {
        let mut facts = looked(vec![]);
        for nature in [Nature::Harmless, Nature::Commits, Nature::Once] {
            facts.ended = None;
            check(nature, &facts, "run");
            facts.ended = Some(Ended::Well);
            check(nature, &facts, "done");
            facts.ended = Some(Ended::Failed);
            check(nature, &facts, "fail");
        }
        facts.ended = Some(Ended::Curable);
        check(Nature::Harmless, &facts, "run");
        check(Nature::Once, &facts, "fail");
    }

    #[test]
    fn an_interrupted_one_is_reported_unless_it_is_harmless() {
        let mut facts = looked(vec![]);
        facts.intent = intent(&[], None);
        check(Nature::Harmless, &facts, "run");
        let expected = "\
            ask: an earlier try of this statement was interrupted, and whether it was done cannot be known\n\
            label: not run again by itself\n\
            note: its runner or its connection died while it ran, and segue does not know where to look for its effect\n\
            help: look what it has done";
        check(Nature::Once, &facts, expected);
        check(Nature::Commits, &facts, expected);
    }

    #[test]
    fn a_failed_one_is_reported_only_if_it_may_have_committed() {
        let mut facts = looked(vec![]);
        facts.intent = intent(&[], None);
        if let Some(intent) = &mut facts.intent {
            intent.failed = true;
        }
        check(Nature::Once, &facts, "run");
        check(
            Nature::Commits,
            &facts,
            "ask: an earlier try of this statement failed after it may have committed a part\n\
             label: not run again by itself\n\
             note: it commits by itself, so what it did before the error stays\n\
             help: look what it has done",
        );
    }
}
