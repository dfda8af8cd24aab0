//! What `up`, `settle` and `abandon` share: events told while the run goes on,
//! signals heard, and the way it ended put into words.

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{Line, Report, phrase};
use super::signal;
use crate::apply::{self, ApplyError, Events, Run, Settings, tail};
use crate::postgres::Target;

/// Does `work` with all that it needs, and tells how it went.
///
/// # Errors
/// See [`Error`].
pub(super) async fn run(
    context: &Context,
    report: &mut Report,
    target: &Target,
    settings: Settings,
    work: impl AsyncFnOnce(&Run) -> Result<apply::Outcome, ApplyError>,
) -> Result<Outcome, Error> {
    let (events, receiver) = Events::channel();
    let run = Run {
        target: target.clone(),
        connect_wait: context.connect_wait(),
        project: context.project(),
        owner: context.owner(),
        settings,
        events,
        interrupt: signal::listen()?,
    };
    let working = async move {
        let ended = work(&run).await;
        // The last sender: without it the report would wait for ever.
        drop(run);
        ended
    };
    let (ended, ()) = tokio::join!(working, report.follow(receiver));
    match ended? {
        apply::Outcome::Settled => Ok(Outcome::Done),
        apply::Outcome::Ready => {
            report.line_unless_quiet(&Line::active("Left", "the tail for `segue settle`"));
            Ok(Outcome::Done)
        }
        apply::Outcome::Unsettled(left) => Err(unsettled(&left)),
    }
}

/// A tail that is not done: what stands, and what running again will do.
fn unsettled(report: &tail::Report) -> Error {
    let failed: Vec<_> = report.failed.iter().map(|(name, _)| name).collect();
    let detached: Vec<_> = report.detached.iter().map(|(name, _)| name).collect();
    // The diagnostics were told when they came.
    let message = match (failed.is_empty(), detached.is_empty()) {
        (false, _) => format!(
            "the tail is not done: {} failed",
            phrase::names(failed.iter().copied())
        ),
        (true, false) => format!(
            "the tail goes on in the server: {}",
            phrase::names(detached.iter().copied())
        ),
        (true, true) => "the tail is not done".to_owned(),
    };
    let mut error = Error::new(Outcome::Unsettled, message).note("the deployment is ready");
    if !report.done.is_empty() {
        error = error.note(format!("done: {}", phrase::names(&report.done)));
    }
    if !failed.is_empty() && !detached.is_empty() {
        error = error.note(format!(
            "goes on in the server: {}",
            phrase::names(detached.iter().copied())
        ));
    }
    match failed.as_slice() {
        [] => error.help("`segue settle` waits for it and records it"),
        [one, ..] => error.help(format!(
            "`segue settle` tries again; `segue abandon {one}` gives it up"
        )),
    }
}
