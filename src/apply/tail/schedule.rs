//! Which members of the tail may start now. Pure: the tail tells what happens
//! and asks what is next.
//!
//! - At most so many run at once as there are places: `--jobs`, less those that
//!   help one of them with its partitions.
//! - A member starts when all that it comes `after` are done. If one of those
//!   failed, was detached or was given up waiting for, it is *held back*: two
//!   that meet on a relation stand in the order of their names, and the later
//!   one may rely on the earlier one without saying so (drop the old index
//!   when the new one is there). The others go on.
//! - Those that wait for snapshots and those that hold one never overlap; one
//!   that does both, or is not known, runs alone. One that does neither for
//!   long runs beside each of them.
//! - One at a time per table: whoever meets another one comes after it.
//! - One that runs elsewhere takes no place of ours. What another run does is
//!   not ours to schedule, except that those after it still wait.

use crate::migration::{Name, Snapshots};
use crate::plan::TailStep;

/// How far a member is, for the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not begun, or free to be taken over.
    Pending,
    /// A session of ours works on it.
    Running,
    /// A session that is not ours works on it.
    Elsewhere,
    /// Nothing is left to do.
    Done,
    /// It ends without being done in this run.
    Undone,
}

/// The members of a tail and how far each is.
#[derive(Clone, Debug)]
pub(super) struct Schedule<'a> {
    members: Vec<(&'a TailStep, State)>,
}

impl<'a> Schedule<'a> {
    /// All pending.
    pub(super) fn new(steps: &'a [TailStep]) -> Self {
        Self {
            members: steps.iter().map(|step| (step, State::Pending)).collect(),
        }
    }

    /// The first one by name that may start now, where there are `places`; it
    /// counts as running then.
    pub(super) fn start(&mut self, places: usize) -> Option<&'a Name> {
        if self.running() >= places {
            return None;
        }
        let index = self.startable()?;
        let (step, state) = &mut self.members[index];
        *state = State::Running;
        Some(&step.name)
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        let states = self.members.iter().map(|(_, state)| *state);
        states.filter(|state| *state == State::Running).count()
    }

    /// Whether another one could start if there were a place.
    pub(super) fn wants_place(&self) -> bool {
        self.startable().is_some()
    }

    fn startable(&self) -> Option<usize> {
        let mut members = self.members.iter();
        members.position(|(step, state)| {
            *state == State::Pending
                && step.after.iter().all(|name| self.is_done(name))
                && self.overlaps_well(step.snapshots)
        })
    }

    fn overlaps_well(&self, snapshots: Snapshots) -> bool {
        let mut running = self
            .members
            .iter()
            .filter(|(_, state)| *state == State::Running);
        running.all(|(other, _)| may_overlap(snapshots, other.snapshots))
    }

    /// It turned out to run in a session that is not ours.
    pub(super) fn runs_elsewhere(&mut self, name: &Name) {
        self.set(name, State::Elsewhere);
    }

    /// Nobody works on it any more, and it is not done.
    pub(super) fn is_free(&mut self, name: &Name) {
        self.set(name, State::Pending);
    }

    /// Nothing is left to do for it.
    pub(super) fn is_over(&mut self, name: &Name) {
        self.set(name, State::Done);
    }

    /// It ends without being done.
    pub(super) fn is_undone(&mut self, name: &Name) {
        self.set(name, State::Undone);
    }

    /// Those that have not been started, by name.
    pub(super) fn left(&self) -> impl Iterator<Item = &'a Name> {
        self.members
            .iter()
            .filter(|(_, state)| *state == State::Pending)
            .map(|(step, _)| &step.name)
    }

    fn set(&mut self, name: &Name, to: State) {
        for (step, state) in &mut self.members {
            if step.name == *name {
                *state = to;
            }
        }
    }

    /// Whether nobody has to wait for `name` any more; one that is not in
    /// this tail was done before.
    fn is_done(&self, name: &Name) -> bool {
        self.members
            .iter()
            .all(|(step, state)| step.name != *name || *state == State::Done)
    }
}

fn may_overlap(one: Snapshots, other: Snapshots) -> bool {
    match (one, other) {
        (Snapshots::Both, _) | (_, Snapshots::Both) => false,
        (Snapshots::Brief, _) | (_, Snapshots::Brief) => true,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Progress;

    /// `a:waits b:holds<a c:both`, one word per member, then what happens:
    /// `start` starts all that may, `+a` is done, `-a` ends undone, `~a` runs
    /// elsewhere, `?a` is free again. Each `start` gives a line of names, and
    /// `…` if one waits for a place.
    #[track_caller]
    fn check(jobs: usize, members: &str, events: &str, expected: &[&str]) {
        let steps: Vec<TailStep> = members
            .split_whitespace()
            .map(|word| {
                let (word, after) = word.split_once('<').unwrap_or((word, ""));
                let (name, kind) = word.split_once(':').expect("name:kind");
                TailStep {
                    name: Name::new(name),
                    after: after.split_terminator(',').map(Name::new).collect(),
                    snapshots: match kind {
                        "waits" => Snapshots::Waits,
                        "holds" => Snapshots::Holds,
                        "brief" => Snapshots::Brief,
                        _ => Snapshots::Both,
                    },
                    progress: Progress::Pending,
                }
            })
            .collect();
        let mut schedule = Schedule::new(&steps);
        let mut lines = Vec::new();
        for event in events.split_whitespace() {
            if event == "start" {
                let started: Vec<&str> =
                    std::iter::from_fn(|| schedule.start(jobs).map(Name::as_str)).collect();
                let more = if schedule.wants_place() { " …" } else { "" };
                lines.push(format!("{}{more}", started.join(" ")));
                continue;
            }
            let (what, name) = event.split_at(1);
            let name = Name::new(name);
            match what {
                "+" => schedule.is_over(&name),
                "-" => schedule.is_undone(&name),
                "~" => schedule.runs_elsewhere(&name),
                "?" => schedule.is_free(&name),
                _ => panic!("{event}"),
            }
        }
        let left: Vec<&str> = schedule.left().map(Name::as_str).collect();
        lines.push(format!("left: {}", left.join(" ")));
        assert_eq!(lines, expected);
    }

    #[test]
    fn independent_builds_run_side_by_side_up_to_jobs() {
        let members = "a:waits b:waits c:waits";
        check(2, members, "start +b start", &["a b …", "c", "left: "]);
        check(1, members, "start +a start", &["a …", "b …", "left: c"]);
        check(9, members, "start", &["a b c", "left: "]);
    }

    #[test]
    fn the_two_kinds_never_overlap() {
        check(
            3,
            "a:waits b:holds c:waits d:holds",
            "start +a start +c start",
            &["a c", "", "b d", "left: "],
        );
    }

    #[test]
    fn one_of_both_kinds_runs_alone() {
        check(
            3,
            "a:both b:waits c:both",
            "start +a start +b start +c start",
            &["a", "b", "c", "", "left: "],
        );
    }

    #[test]
    fn a_brief_one_runs_beside_either_kind() {
        check(
            3,
            "a:waits b:brief c:holds d:both",
            "start +a start +b +c start",
            &["a b", "c", "d", "left: "],
        );
    }

    #[test]
    fn one_that_meets_another_waits_for_its_end() {
        check(
            2,
            "a:waits b:waits<a c:waits",
            "start +c start +a start",
            &["a c", "", "b", "left: "],
        );
    }

    #[test]
    fn those_after_a_failed_one_are_held_back_and_the_others_go_on() {
        check(
            1,
            "a:waits b:waits<a c:waits d:waits<b",
            "start -a start +c start",
            &["a …", "c", "", "left: b d"],
        );
    }

    #[test]
    fn one_that_runs_elsewhere_takes_no_place_but_holds_those_after_it() {
        check(
            1,
            "a:holds b:waits c:waits<a",
            "start ~a start +b start ?a start +a start",
            &["a", "b", "", "a", "c", "left: "],
        );
    }

    #[test]
    fn one_taken_over_waits_for_its_turn() {
        check(
            2,
            "a:holds b:waits",
            "start ~a start ?a start +b start",
            &["a", "b", "", "a", "left: "],
        );
    }

    #[test]
    fn what_is_not_in_this_tail_was_done_before() {
        check(1, "b:waits<a", "start", &["b", "left: "]);
    }
}
