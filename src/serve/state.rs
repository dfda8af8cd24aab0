//! What everybody is answered from, and what was made of it already.

use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;

use crate::page;
use crate::readiness::Goal;
use crate::status::View;

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// To measure from.
    pub instant: Instant,
    /// To tell.
    pub time: Timestamp,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: Timestamp::now(),
        }
    }

    /// RFC 3339, UTC, to the millisecond.
    pub(super) fn text(&self) -> String {
        let rounded = self.time.round(jiff::Unit::Millisecond);
        format!("{:.3}", rounded.unwrap_or(self.time))
    }
}

/// What is known now. Never changed: the next one takes its place.
#[derive(Debug)]
pub struct State {
    /// Of the database.
    pub view: View,
    /// Counts the changes that are worth telling; not each look is one.
    pub revision: u64,
    /// Whether the goal was reached at any time since this server began.
    pub was_ready: bool,
    /// When the database was seen last.
    pub(super) seen: Option<Instant>,
    /// Looks at the database so far.
    pub(super) looks: u64,
    /// Those that saw nothing.
    pub(super) failures: u64,
    /// When this server began.
    pub(super) began: Timestamp,
    json: OnceLock<Bytes>,
    page: OnceLock<Bytes>,
}

impl State {
    pub(super) fn new(project: &str, goal: Goal, began: &Moment) -> Self {
        Self {
            view: View::unseen(project, goal, &began.text()),
            revision: 0,
            was_ready: false,
            seen: None,
            looks: 0,
            failures: 0,
            began: began.time,
            json: OnceLock::new(),
            page: OnceLock::new(),
        }
    }

    /// The one after this.
    pub(super) fn next(&self, view: View, seen: Option<Instant>) -> Self {
        Self {
            revision: self.revision + u64::from(!is_same(&self.view, &view)),
            was_ready: self.was_ready || view.is_ready,
            seen,
            looks: self.looks,
            failures: self.failures,
            began: self.began,
            json: OnceLock::new(),
            page: OnceLock::new(),
            view,
        }
    }

    /// What `/status` answers; made once.
    pub(super) fn json(&self) -> Bytes {
        self.json
            .get_or_init(|| Bytes::from(format!("{:#}\n", self.view.to_json())))
            .clone()
    }

    /// What `/` answers; made once.
    pub(super) fn page(&self) -> Bytes {
        self.page
            .get_or_init(|| Bytes::from(page::html(&self.view)))
            .clone()
    }
}

/// Whether nothing is new but the time of the look.
fn is_same(one: &View, other: &View) -> bool {
    // Each field by name: one that is added has to be thought of.
    let View {
        project,
        goal,
        is_ready,
        reason,
        stage,
        since,
        status,
        seen_at: _,
        stale,
        past,
        // They follow from what was seen, and from the time that passed.
        readings: _,
    } = one;
    *project == other.project
        && *goal == other.goal
        && *is_ready == other.is_ready
        && *reason == other.reason
        && *stage == other.stage
        && *since == other.since
        && *stale == other.stale
        && *status == other.status
        && *past == other.past
}
