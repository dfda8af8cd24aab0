//! Places for work side by side: `--jobs` of them, shared by the members of a
//! tail and by the sessions that help one of them with its partitions.

use std::sync::Arc;

use tokio::sync::watch;

/// How many places are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    members: usize,
    helpers: usize,
    /// Whether a member could start if there were a place.
    is_wanted: bool,
}

/// All places of a tail.
#[derive(Debug)]
pub(super) struct Slots {
    jobs: usize,
    taken: watch::Sender<Taken>,
}

impl Slots {
    /// `jobs` places, at least one.
    pub(super) fn new(jobs: usize) -> Self {
        Self {
            jobs: jobs.max(1),
            taken: watch::Sender::new(Taken::default()),
        }
    }

    /// So many members run; `is_wanted` if another one waits for a place, which
    /// a helper then leaves to it after the build at hand.
    pub(super) fn set_members(&self, members: usize, is_wanted: bool) {
        self.taken.send_if_modified(|taken| {
            let before = *taken;
            taken.members = members;
            taken.is_wanted = is_wanted;
            *taken != before
        });
    }

    /// How many places are left to members.
    pub(super) fn for_members(&self) -> usize {
        self.jobs.saturating_sub(self.taken.borrow().helpers)
    }

    /// Whether a member waits for a place.
    pub(super) fn is_wanted(&self) -> bool {
        self.taken.borrow().is_wanted
    }

    /// A place for a helper, if there is one that no member wants.
    pub(super) fn help(self: &Arc<Self>) -> Option<Place> {
        let is_had = self.taken.send_if_modified(|taken| {
            let is_free = !taken.is_wanted && taken.members + taken.helpers < self.jobs;
            taken.helpers += usize::from(is_free);
            is_free
        });
        is_had.then(|| Place(Arc::clone(self)))
    }

    /// Tells each change.
    pub(super) fn changes(&self) -> watch::Receiver<Taken> {
        self.taken.subscribe()
    }
}

/// The place of a helper, free again when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Slots>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.send_modify(|taken| taken.helpers -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_take_what_members_leave() {
        let slots = Arc::new(Slots::new(3));
        slots.set_members(1, false);
        let one = slots.help().expect("a place");
        let two = slots.help().expect("a place");
        assert!(slots.help().is_none());
        assert_eq!(slots.for_members(), 1);
        drop((one, two));
        assert_eq!(slots.for_members(), 3);
    }

    #[test]
    fn a_place_that_a_member_wants_is_not_a_helpers() {
        let slots = Arc::new(Slots::new(2));
        slots.set_members(1, false);
        let place = slots.help();
        slots.set_members(1, true);
        assert!(slots.is_wanted());
        drop(place);
        assert!(slots.help().is_none());
        slots.set_members(2, false);
        assert!(slots.help().is_none());
        slots.set_members(1, false);
        assert!(slots.help().is_some());
    }

    #[test]
    fn there_is_a_place_in_any_case() {
        assert_eq!(Slots::new(0).for_members(), 1);
    }
}
