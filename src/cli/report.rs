//! What is told while a command runs, and its result.
//!
//! Progress and problems go to standard error, as text or as one JSON object
//! per line; results to standard output.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use anstream::{AutoStream, ColorChoice};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::error::Error;
use super::global::{Global, LogFormat};
use super::hook::Told;
use super::outcome::Outcome;
use crate::apply::{Event, Mismatch};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::render::{Style, render};
use crate::schema::Diff;
use crate::status::View;

pub(crate) mod adopt_text;
mod backfill;
pub(crate) mod backfill_text;
pub(crate) mod check;
pub(crate) mod check_ci;
pub(crate) mod check_json;
pub(crate) mod check_text;
pub(crate) mod compat_json;
pub(crate) mod compat_junit;
pub(crate) mod compat_markdown;
pub(crate) mod compat_text;
mod conflict;
pub(crate) mod forecast_json;
pub(crate) mod forecast_text;
pub(crate) mod gate_json;
pub(crate) mod gate_text;
mod hook;
pub(crate) mod json;
mod line;
pub(crate) mod lint;
pub(crate) mod lint_ci;
pub(crate) mod lint_json;
pub(crate) mod lint_sarif;
pub(crate) mod lint_text;
mod live;
pub(crate) mod mismatch;
mod pace;
pub(crate) mod phrase;
pub(crate) mod plan_graph;
pub(crate) mod plan_json;
pub(crate) mod plan_text;
#[cfg(test)]
pub(crate) mod schema;
pub(crate) mod schema_diff;
pub(crate) mod status_text;
mod tell;
pub(crate) mod verify_json;
pub(crate) mod verify_text;

use line::heading;
pub(crate) use line::{Line, Tone};
use live::Live;
use schema_diff::{Extent, Sides};
use tell::Teller;
pub use tell::Verbosity;

/// Where everything goes that a command has to say.
pub struct Report {
    format: LogFormat,
    verbosity: Verbosity,
    style: Style,
    teller: Teller,
    /// On a terminal, the lines that move.
    live: Option<Live>,
    began: Instant,
}

impl Report {
    /// As the options say, and what is behind standard error.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let verbosity = match (global.quiet, global.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        // For what clap, and our own results, write by anstream.
        ColorChoice::from(global.color).write_global();
        let style = match AutoStream::choice(&std::io::stderr()) {
            ColorChoice::Never => Style::Plain,
            _ => Style::Colour,
        };
        let is_live = global.log_format == LogFormat::Text
            && verbosity != Verbosity::Quiet
            && std::io::stderr().is_terminal();
        Self {
            format: global.log_format,
            verbosity,
            style,
            teller: Teller::new(verbosity),
            live: is_live.then(|| Live::new(style)),
            began: Instant::now(),
        }
    }

    /// Tells events until the sender is gone.
    pub async fn follow(&mut self, mut events: UnboundedReceiver<Event>) {
        while let Some(event) = events.recv().await {
            self.event(&event);
        }
        self.live = None;
    }

    /// Tells an event.
    pub fn event(&mut self, event: &Event) {
        if self.format == LogFormat::Json {
            if self.is_worth(event) {
                self.object(json::event(event));
            }
            return;
        }
        let at = self.began.elapsed();
        // Where a bar shows it, a line would say it twice.
        let is_shown = self.live.as_mut().is_some_and(|live| live.show(event, at));
        if !is_shown {
            for line in self.teller.lines(event, at) {
                self.line(&line);
            }
        }
        match event {
            Event::MigrationFailed { diagnostic, .. } => self.diagnostic(diagnostic),
            Event::Mismatched { mismatch, goes_on } => self.mismatch(mismatch, *goes_on),
            Event::DriftFound { since, difference } if self.verbosity > Verbosity::Quiet => {
                self.line(&mismatch::drift(*since));
                let Sides { before, after } = mismatch::SETTLED;
                self.schema_diff(difference, before, after);
            }
            _ => {}
        }
    }

    /// Tells that the schema is not as expected: a problem, however quiet the
    /// rest is.
    fn mismatch(&mut self, mismatch: &Mismatch, goes_on: bool) {
        let Sides { before, after } = mismatch::EXPECTED;
        if !mismatch.difference.is_empty() {
            self.line(&mismatch::mismatched(mismatch.stage, goes_on));
            self.schema_diff(&mismatch.difference, before, after);
        }
        if !mismatch.before.is_empty() {
            self.line(&mismatch::before(goes_on));
            self.schema_diff(&mismatch.before, before, after);
        }
        for line in mismatch::interference(&mismatch.interference) {
            self.line(&line);
        }
    }

    /// Whether an event is told as JSON: all of them, unless only problems are
    /// asked for.
    fn is_worth(&self, event: &Event) -> bool {
        self.verbosity > Verbosity::Quiet
            || matches!(
                event,
                Event::MigrationFailed { .. } | Event::Mismatched { .. }
            )
    }

    /// Tells what a command of `--on-ready` or `--on-settled` does.
    pub(crate) fn hook(&mut self, told: &Told) {
        if self.verbosity == Verbosity::Quiet && !hook::is_failure(told) {
            return;
        }
        match self.format {
            LogFormat::Json => self.object(hook::json(told)),
            LogFormat::Text => self.line(&hook::line(told)),
        }
    }

    /// There is nothing more to be shown that moves.
    pub(crate) fn calm(&mut self) {
        self.live = None;
    }

    /// Tells something that people should know.
    pub fn note(&mut self, text: &str) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        match self.format {
            LogFormat::Json => self.object(json::note(text)),
            LogFormat::Text => self.line(&Line::notable("Note", text)),
        }
    }

    /// Tells several of them.
    pub fn notes<T: AsRef<str>>(&mut self, texts: &[T]) {
        for text in texts {
            self.note(text.as_ref());
        }
    }

    /// Tells a problem in a file.
    pub fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        match self.format {
            LogFormat::Json => self.object(json::diagnostic(diagnostic)),
            LogFormat::Text => {
                let text = render(diagnostic, self.style);
                self.raw(text.trim_end_matches('\n'));
            }
        }
    }

    /// Tells how two schemas differ, which are called `before` and `after`,
    /// `expected` and `live` for example; nothing if they do not.
    pub fn schema_diff(&mut self, diff: &Diff, before: &str, after: &str) {
        if diff.is_empty() {
            return;
        }
        let sides = Sides { before, after };
        match self.format {
            LogFormat::Json => self.object(json::schema_diff(diff, sides)),
            LogFormat::Text => {
                let text = schema_diff::text(diff, sides, self.extent(), self.style);
                self.raw(text.trim_end_matches('\n'));
            }
        }
    }

    /// As [`Report::schema_diff`], for [`result`]: empty if they do not differ.
    #[must_use]
    pub fn schema_diff_text(&self, diff: &Diff, before: &str, after: &str) -> String {
        // Standard output takes the colours out where they are not wanted.
        let sides = Sides { before, after };
        schema_diff::text(diff, sides, self.extent(), Style::Colour)
    }

    fn extent(&self) -> Extent {
        match self.verbosity {
            Verbosity::Verbose => Extent::Full,
            Verbosity::Quiet | Verbosity::Normal => Extent::Short,
        }
    }

    /// Tells why the command ends; its exit status.
    pub fn error(&mut self, error: &Error) -> Outcome {
        self.live = None;
        for (index, diagnostic) in error.diagnostics.iter().enumerate() {
            if index > 0 && self.format == LogFormat::Text {
                self.raw("");
            }
            self.diagnostic(diagnostic);
        }
        match self.format {
            LogFormat::Json => self.object(json::error(error)),
            LogFormat::Text => self.raw(&error_text(error, self.style)),
        }
        error.outcome
    }

    /// Tells a line that is no problem.
    pub(crate) fn line_unless_quiet(&mut self, line: &Line) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        match self.format {
            LogFormat::Json => self.object(json::note(&line.text)),
            LogFormat::Text => self.line(line),
        }
    }

    /// Tells where a server listens.
    pub(crate) fn listening(&mut self, http: SocketAddr, agent: Option<SocketAddr>) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        if self.format == LogFormat::Json {
            self.object(json::listening(http, agent));
            return;
        }
        let agent = agent.map_or_else(String::new, |agent| format!("\nagent-check on {agent}"));
        self.line(&Line::active("Listening", format!("http://{http}{agent}")));
    }

    /// Tells what a server shows now.
    pub(crate) fn served(&mut self, view: &View) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        if self.format == LogFormat::Json {
            self.object(json::served(view));
            return;
        }
        let line = match &view.stale {
            Some(stale) if view.is_ready => Line::notable(
                "Away",
                format!(
                    "{}\nwhat was seen last still counts: {}",
                    stale.reason, view.reason
                ),
            ),
            _ if view.is_ready => Line::done("Ready", view.reason.clone()),
            _ => Line::notable("Not ready", view.reason.clone()),
        };
        self.line(&line);
    }

    /// Tells a line.
    pub(crate) fn line(&mut self, line: &Line) {
        let drawn = line.draw(self.style);
        self.raw(&drawn);
    }

    /// Tells an object, with version and time.
    fn object(&mut self, fields: Value) {
        let object = stamped(fields);
        self.raw(&object.to_string());
    }

    fn raw(&mut self, text: &str) {
        if let Some(live) = &self.live {
            live.print(text);
            return;
        }
        // Nobody reads it: no reason to stop a migration.
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Whether each migration is to be told.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.verbosity == Verbosity::Verbose
    }
}

/// Prints a result, which ends with a line end.
///
/// # Errors
/// When standard output cannot be written. One that nobody reads any more,
/// `| head` for example, is no error.
pub fn result(text: &str) -> Result<(), Error> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::new(
            Outcome::Failed,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Prints a result as JSON.
///
/// # Errors
/// As [`result`].
pub fn result_json(value: &Value) -> Result<(), Error> {
    result(&format!("{value:#}\n"))
}

/// How two schemas differ, for [`result_json`], by
/// `docs/json/schema-diff.schema.json`.
#[must_use]
pub fn schema_diff_json(diff: &Diff, before: &str, after: &str) -> Value {
    let mut value = schema_diff::json(diff, Sides { before, after });
    value["version"] = json!(json::VERSION);
    value
}

/// An event with version and time.
pub(crate) fn stamped(mut fields: Value) -> Value {
    let now = jiff::Timestamp::now();
    // Milliseconds: more would only be noise.
    let now = now.round(jiff::Unit::Millisecond).unwrap_or(now);
    fields["version"] = json!(json::VERSION);
    fields["at"] = json!(now.to_string());
    fields
}

/// `error: …` with notes and helps; the heading is left out where diagnostics
/// have said what is wrong.
fn error_text(error: &Error, style: Style) -> String {
    let mut lines = Vec::new();
    if let Some(message) = &error.message {
        lines.push(format!(
            "{} {message}",
            heading(Tone::Failed, "error", style)
        ));
    } else {
        let problems = error.diagnostics.len();
        if problems > 1 {
            lines.push(format!(
                "\n{} {} in all",
                heading(Tone::Failed, "error", style),
                phrase::count(problems, "problem")
            ));
        }
    }
    for note in &error.notes {
        lines.push(format!("{} {note}", heading(Tone::Notable, "note", style)));
    }
    for help in &error.helps {
        lines.push(format!("{} {help}", heading(Tone::Active, "help", style)));
    }
    lines.join("\n")
}
