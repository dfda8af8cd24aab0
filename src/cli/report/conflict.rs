//! A lock that the batch needs and that a concurrent migration holds: what is
//! told of it, on either side.

use super::line::Line;
use crate::apply::{Event, human};
use crate::plan::OnConflict;

/// The line, and what is the same when it need not be told again; `None` if
/// the event is another one.
pub(super) fn told(event: &Event) -> Option<(String, Line)> {
    match event {
        Event::Conflict {
            name,
            relation,
            needed_by,
            holder,
            action,
            ..
        } => {
            let verb = match action {
                OnConflict::Preempt => "Pre-empting",
                OnConflict::Wait | OnConflict::Fail => "Waiting",
            };
            let lock = match relation {
                Some(relation) => format!("a lock on `{relation}`"),
                None => "a lock".to_owned(),
            };
            let batch = match needed_by {
                Some(needed_by) => format!("`{needed_by}`"),
                None => "the batch".to_owned(),
            };
            let text = match action {
                OnConflict::Preempt => format!("`{name}`, which holds {lock} that {batch} needs"),
                OnConflict::Wait | OnConflict::Fail => {
                    format!("for `{name}` to release {lock} that {batch} needs")
                }
            };
            Some((
                format!("conflict {name} {} {lock}", holder.pid),
                Line::notable(verb, format!("{text}: {holder}")),
            ))
        }
        Event::Preempted { name, by } => {
            let who = match by {
                Some(by) => by.to_string(),
                None => "another run".to_owned(),
            };
            Some((
                format!("preempted {name} {who}"),
                Line::notable(
                    "Pre-empted",
                    format!(
                        "`{name}`, whose locks another batch needs, and which runs again after that: {who}"
                    ),
                ),
            ))
        }
        Event::StalledEnded { holder, idle } => Some((
            format!("stalled {}", holder.pid),
            Line::notable(
                "Ended",
                format!(
                    "the session of a run that is stopped or cut off, idle for {} with a lock that is needed: {holder}",
                    human(idle)
                ),
            ),
        )),
        _ => None,
    }
}
