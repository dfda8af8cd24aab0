//! What `up`, `settle` and `abandon` share: events told while the run goes on,
//! signals heard, and the way it ended put into words.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tracing::Instrument as _;

use super::context::Context;
use super::error::Error;
use super::hook::{self, HookArgs, Hooks, Tries};
use super::outcome::Outcome;
use super::report::{Line, Report, phrase};
use super::traces::{Extent, Traces};
use super::{signal, systemd};
use crate::apply::{
    self, ApplyError, Event, Events, Interrupt, Run, Settings, Verification, service, tail,
};
use crate::diagnostic::Diagnostic;
use crate::migration::Name;
use crate::postgres::Target;

/// Does `work` with all that it needs, runs the commands that are due when it
/// is ready or settled, and tells how it went.
///
/// # Errors
/// See [`Error`].
pub(super) async fn run(
    context: &Context,
    report: &mut Report,
    target: &Target,
    settings: Settings,
    verification: Option<Verification>,
    hooks: &HookArgs,
    work: impl AsyncFnOnce(&Run) -> Result<apply::Outcome, ApplyError>,
) -> Result<Outcome, Error> {
    report.notes(context.notices());
    let begun = Begun::on(context, target, settings, verification)?;
    let mut hooks = Hooks::new(hooks, Tries::One, begun.run.interrupt.clone());
    let mut traces = traces(context, &begun.run, Extent::Run);
    let ended = begun.drive(report, &mut hooks, &mut traces, work).await;
    let ended = ended.map_err(Error::from).and_then(|ended| match ended {
        apply::Outcome::Settled => Ok(Outcome::Done),
        apply::Outcome::Ready => {
            report.line_unless_quiet(&Line::active("Left", "the tail for `segue settle`"));
            Ok(Outcome::Done)
        }
        apply::Outcome::Unsettled(left) => Err(unsettled(&left)),
        apply::Outcome::Mismatched(mismatch) => {
            Err(Error::new(Outcome::Unsettled, mismatch.summary())
                .note("the deployment is ready, and its tail is done")
                .help("`segue settle` checks again; `--on-mismatch warn` settles it all the same"))
        }
    });
    let ended = hook::judge(ended, hooks.failures());
    traces.end(ended.as_ref().err().map(said).as_deref());
    ended
}

/// Runs tails whenever there are any, until a signal comes.
///
/// # Errors
/// Only of what is wrong from the beginning, see [`Error`].
pub(super) async fn serve(
    context: &Context,
    report: &mut Report,
    target: &Target,
    settings: Settings,
    verification: Option<Verification>,
    hooks: &HookArgs,
) -> Result<Outcome, Error> {
    report.notes(context.notices());
    let begun = Begun::on(context, target, settings, verification)?;
    let mut hooks = Hooks::new(hooks, Tries::Endless, begun.run.interrupt.clone());
    let socket = context.environment().variables.get("NOTIFY_SOCKET");
    report.line_unless_quiet(&Line::active(
        "Serving",
        format!(
            "project {}: its tails run as soon as there are any",
            begun.run.project
        ),
    ));
    systemd::notify(socket, "READY=1");
    let mut traces = traces(context, &begun.run, Extent::Service);
    let serving = async |run: &Run| {
        service::serve(run, || context.reread()).await;
        systemd::notify(socket, "STOPPING=1");
    };
    Box::pin(begun.drive(report, &mut hooks, &mut traces, serving)).await;
    traces.end(None);
    // Whoever stops a service has not failed; what failed was told.
    report.line_unless_quiet(&Line::done("Stopped", "as asked"));
    Ok(Outcome::Done)
}

/// Does `work` with all that it needs, and tells its events.
///
/// # Errors
/// See [`Error`].
pub(super) async fn tell<T, E: Into<Error>>(
    context: &Context,
    report: &mut Report,
    target: &Target,
    settings: Settings,
    verification: Option<Verification>,
    work: impl AsyncFnOnce(&Run) -> Result<T, E>,
) -> Result<T, Error> {
    report.notes(context.notices());
    let begun = Begun::on(context, target, settings, verification)?;
    let mut hooks = Hooks::new(
        &HookArgs::default(),
        Tries::One,
        begun.run.interrupt.clone(),
    );
    let mut traces = traces(context, &begun.run, Extent::Run);
    let ended = begun.drive(report, &mut hooks, &mut traces, work).await;
    let ended = ended.map_err(E::into);
    traces.end(ended.as_ref().err().map(said).as_deref());
    ended
}

/// A run, and where its events come out.
struct Begun {
    run: Run,
    events: UnboundedReceiver<Event>,
}

impl Begun {
    /// A run on `target`; from now on it hears signals.
    fn on(
        context: &Context,
        target: &Target,
        settings: Settings,
        verification: Option<Verification>,
    ) -> Result<Self, Error> {
        let interrupt = signal::listen()?;
        let (sender, events) = Events::channel();
        let run = Run {
            verification,
            ..on(context, target, settings, sender, interrupt)
        };
        Ok(Self { run, events })
    }

    /// Does `work`, tells its events and runs the commands that are due, to
    /// their end.
    async fn drive<T>(
        self,
        report: &mut Report,
        hooks: &mut Hooks,
        traces: &mut Traces,
        work: impl AsyncFnOnce(&Run) -> T,
    ) -> T {
        let Self { run, events } = self;
        let interrupt = run.interrupt.clone();
        let span = run_span(&run.project);
        let working = async move {
            tracing::trace!("the run begins");
            let ended = work(&run).await;
            tracing::trace!("the run has ended");
            // The last sender: without it the report would wait for ever.
            drop(run);
            ended
        };
        let working = working.instrument(span);
        let (ended, ()) = tokio::join!(working, follow(report, events, hooks, traces, &interrupt));
        ended
    }
}

/// A command that is silent for so long, with nothing else to do, is named.
const SILENCE: Duration = Duration::from_secs(2);

/// Tells events until the sender is gone, and what is due by them until its
/// end.
async fn follow(
    report: &mut Report,
    mut events: UnboundedReceiver<Event>,
    hooks: &mut Hooks,
    traces: &mut Traces,
    interrupt: &Interrupt,
) {
    let mut has_more = true;
    let mut was_asked = false;
    let mut is_told = false;
    while has_more || !hooks.is_idle() {
        tokio::select! {
            // In the order in which things happen, as far as that is known.
            biased;
            event = events.recv(), if has_more => {
                let Some(event) = event else {
                    has_more = false;
                    report.calm();
                    continue;
                };
                hooks.heed(&event);
                traces.heed(&event);
                report.event(&event);
            }
            told = hooks.next() => report.hook(&told),
            () = tokio::time::sleep(SILENCE), if !has_more && !is_told => {
                is_told = true;
                if let Some(goal) = hooks.running() {
                    let text = format!("for `{}` to end", hook::option(goal));
                    report.line_unless_quiet(&Line::active("Waiting", text));
                }
            }
            _ = interrupt.first(), if !was_asked => {
                was_asked = true;
                hooks.close();
            }
        }
    }
}

fn traces(context: &Context, run: &Run, extent: Extent) -> Traces {
    Traces::begin(&context.environment().variables, &run.project, extent)
}

/// Why it ended, one line for a trace.
fn said(error: &Error) -> String {
    let of_files = || error.diagnostics.first().map(Diagnostic::summary);
    let message = error.message.clone().or_else(of_files);
    message.unwrap_or_else(|| error.outcome.summary().to_owned())
}

/// What the log says of a run; `deployment` comes when it has one. An error's,
/// so that it is there as soon as anything is logged.
fn run_span(project: &str) -> tracing::Span {
    let run = format!("{:08x}", fastrand::u32(..));
    tracing::error_span!("run", run, project, deployment = tracing::field::Empty)
}

/// A run on `target` that verifies nothing.
pub(super) fn on(
    context: &Context,
    target: &Target,
    settings: Settings,
    events: Events,
    interrupt: Interrupt,
) -> Run {
    Run {
        target: target.clone(),
        connect_wait: context.connect_wait(),
        environment: context.environment().clone(),
        project: context.project(),
        owner: context.owner(),
        verification: None,
        settings,
        events,
        interrupt,
    }
}

/// A tail that is not done: what stands, and what running again will do. The
/// diagnostics were told when they came.
fn unsettled(report: &tail::Report) -> Error {
    let failed: Vec<_> = report.failed.iter().map(|(name, _)| name).collect();
    let detached: Vec<_> = report.detached.iter().map(|(name, _)| name).collect();
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
    let mut list = |what: &str, names: &[&Name]| {
        if !names.is_empty() {
            let names = phrase::names(names.iter().copied());
            error.notes.push(format!("{what}: {names}"));
        }
    };
    list("done", &report.done.iter().collect::<Vec<_>>());
    if !failed.is_empty() {
        list("goes on in the server", &detached);
    }
    list("given up", &report.abandoned.iter().collect::<Vec<_>>());
    list(
        "cancelled, nothing of it is left",
        &report.cancelled.iter().collect::<Vec<_>>(),
    );
    list(
        "cancelled, what it left is removed by the next run",
        &report.left_behind.iter().collect::<Vec<_>>(),
    );
    list("not begun", &report.not_started.iter().collect::<Vec<_>>());
    for (name, done, total) in &report.stopped {
        let of = total.map_or_else(String::new, |total| {
            format!(" of about {}", phrase::thousands(total))
        });
        let done = phrase::thousands(*done);
        error.notes.push(format!(
            "stopped after {done}{of} rows, where the next run goes on: `{name}`"
        ));
    }
    for (name, pid) in &report.elsewhere {
        error
            .notes
            .push(format!("`{name}` runs in another session, pid {pid}"));
    }
    match failed.as_slice() {
        [] => error.help("`segue settle` finishes what is left"),
        [one, ..] => error.help(format!(
            "`segue settle` tries again; `segue abandon {one}` gives it up"
        )),
    }
}
