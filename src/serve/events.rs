//! `/events`: what is new, as server-sent events.
//!
//! A client that is slow misses what lies between, never the newest: nothing
//! is queued, each stream compares what it has sent with what is known now.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::state::State;
use super::{Course, Phase};
use crate::status::{EntryState, JSON_VERSION, Stage, View};

/// A line goes out at least so often: proxies cut off what is silent, and who
/// is gone is found out by it.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How soon a client that lost the connection comes back, milliseconds.
const RETRY_MS: u32 = 2000;

/// A body that never ends by itself.
pub(super) fn body(
    state: watch::Receiver<Arc<State>>,
    course: watch::Receiver<Course>,
    place: OwnedSemaphorePermit,
) -> Body {
    let stream = Stream {
        state,
        course,
        sent: None,
        _place: place,
    };
    Body::from_stream(stream::unfold(stream, |mut stream| async move {
        let bytes = stream.next().await?;
        Some((Ok::<_, Infallible>(bytes), stream))
    }))
}

struct Stream {
    state: watch::Receiver<Arc<State>>,
    course: watch::Receiver<Course>,
    /// What the client knows.
    sent: Option<Arc<State>>,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// What to send next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let state = Arc::clone(&self.state.borrow_and_update());
            let text = messages(self.sent.as_deref(), &state);
            self.sent = Some(state);
            if !text.is_empty() {
                return Some(text.into());
            }
            tokio::select! {
                changed = self.state.changed() => changed.ok()?,
                _ = self.course.wait_for(|course| course.phase == Phase::Stopping) => return None,
                () = tokio::time::sleep(HEARTBEAT) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }
}

/// What a client has to hear that knows `sent`; may be empty.
fn messages(sent: Option<&State>, state: &State) -> String {
    let mut text = String::new();
    if sent.is_none() {
        // Writing into a string cannot fail.
        let _ = write!(text, "retry: {RETRY_MS}\n\n");
    }
    if sent.is_some_and(|sent| sent.revision == state.revision) {
        return text;
    }
    let data = data(&state.view);
    for name in names(sent.map(|sent| &sent.view), &state.view) {
        let id = id(state);
        let _ = write!(text, "event: {name}\nid: {id}\ndata: {data}\n\n");
    }
    text
}

/// Which servers' which change: another one counts from zero again.
fn id(state: &State) -> String {
    format!("{}-{}", state.began.as_millisecond(), state.revision)
}

/// What has happened between two views, the most important first; whoever knows
/// nothing yet gets `status`.
fn names(before: Option<&View>, now: &View) -> Vec<&'static str> {
    let Some(before) = before else {
        return vec!["status"];
    };
    let deployment = |view: &View| {
        let status = view.status.as_ref()?;
        status.ready().map(|deployment| deployment.id)
    };
    let is_another = deployment(before) != deployment(now);
    let is_ready = |stage: Stage| matches!(stage, Stage::Ready | Stage::Settled);
    let mut names = Vec::new();
    if is_ready(now.stage) && (is_another || !is_ready(before.stage)) {
        names.push("ready");
    }
    if now.stage == Stage::Settled && (is_another || before.stage != Stage::Settled) {
        names.push("settled");
    }
    if has_failed(Some(before), now) {
        names.push("failed");
    }
    // Last: a slow client has not heard what was seen before.
    if now.stale.is_some() && before.stale != now.stale {
        names.push("stale");
    }
    if names.is_empty() {
        let is_progress = before.stage == now.stage
            && before.is_ready == now.is_ready
            && before.stale == now.stale
            && before.reason == now.reason;
        names.push(if is_progress { "progress" } else { "status" });
    }
    names
}

/// Whether a deployment or a concurrent migration has failed since `before`.
fn has_failed(before: Option<&View>, now: &View) -> bool {
    let failures = |view: &View| -> Vec<String> {
        let Some(status) = &view.status else {
            return Vec::new();
        };
        let newest = status.deployments.first();
        let newest = newest.filter(|_| view.stage == Stage::Failed);
        let entries = status.entries.iter();
        entries
            .filter(|entry| matches!(entry.state, EntryState::Failed(_)))
            .map(|entry| format!("{} {:?}", entry.name, entry.at))
            .chain(newest.map(|newest| newest.id.to_string()))
            .collect()
    };
    let known = before.map(failures).unwrap_or_default();
    failures(now).iter().any(|one| !known.contains(one))
}

/// By `#/$defs/event` of `docs/json/served.schema.json`, on one line.
pub(super) fn data(view: &View) -> Value {
    let status = view.status.iter();
    let migrations: Vec<Value> = status
        .flat_map(|status| &status.entries)
        .filter(|entry| {
            matches!(
                entry.state,
                EntryState::Running(..) | EntryState::Interrupted | EntryState::Failed(_)
            )
        })
        .map(crate::status::entry_json)
        .collect();
    json!({
        "version": JSON_VERSION,
        "project": view.project,
        "served": view.summary(),
        "migrations": migrations,
    })
}

#[cfg(test)]
mod tests;
