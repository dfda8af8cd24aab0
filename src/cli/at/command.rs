//! The command of `segue at`: its surroundings, the signals that it is passed,
//! its end.

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::super::error::Error;
use super::super::outcome::Outcome;
use crate::postgres::Target;
use crate::version::Version;
use crate::visit::State;

/// Variables by which a program would find another database, segue among them.
const OTHERS: [&str; 2] = ["SEGUE_DIRECT_URL", "CODD_CONNECTION"];

/// Variables that name the database.
const URLS: [&str; 3] = [
    "DATABASE_URL",
    // Segue itself reads these before the first one.
    "SEGUE_DATABASE_URL",
    "SEGUE_DEV_DATABASE_URL",
];

/// What a command is told.
pub(crate) struct Surroundings<'a> {
    /// Which state it is in.
    pub state: &'a State,
    /// The version of the schema there.
    pub version: Option<Version>,
    /// The database.
    pub target: &'a Target,
}

impl Surroundings<'_> {
    /// All variables that it has to have, `None` where it must not have one.
    pub(crate) fn variables(&self) -> Vec<(&'static str, Option<String>)> {
        let version = self.version.map(|version| version.to_string());
        let mut all = vec![
            ("SEGUE_STATE", Some(self.state.to_string())),
            ("SEGUE_SCHEMA_VERSION", Some(version.unwrap_or_default())),
        ];
        all.extend(OTHERS.map(|name| (name, None)));
        all.extend(URLS.map(|name| (name, Some(self.target.uri()))));
        all.extend(self.target.variables());
        all
    }
}

/// Runs a command to its end in a database.
///
/// # Errors
/// It cannot be run, by the statuses that shells have for that.
pub(crate) async fn run(
    words: &[OsString],
    surroundings: &Surroundings<'_>,
) -> Result<Outcome, Error> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Error::usage("there is no command").help("write it after `--`"));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, value) in surroundings.variables() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Before it runs, so that none is missed.
    let mut passed = Passed::listen()?;
    let mut child = command.spawn().map_err(|error| {
        let outcome = match error.kind() {
            ErrorKind::NotFound => Outcome::NotFound,
            _ => Outcome::NotExecutable,
        };
        Error::new(
            outcome,
            format!("cannot run `{}`: {error}", program.display()),
        )
    })?;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|error| {
                    Error::new(Outcome::Failed, format!("the command's end was not seen: {error}"))
                })?;
                return Ok(Outcome::Command(code(status)));
            }
            signal = passed.next() => pass(&child, signal),
        }
    }
}

/// The exit status as shells have it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255)
}

/// Signals that are for the command too.
struct Passed {
    interrupt: Signals,
    terminate: Signals,
    hangup: Signals,
    quit: Signals,
}

impl Passed {
    fn listen() -> Result<Self, Error> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Error::new(
                    Outcome::Failed,
                    format!("cannot listen for signals: {error}"),
                )
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
            quit: listen(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Signal::SIGINT,
            Some(()) = self.terminate.recv() => Signal::SIGTERM,
            Some(()) = self.hangup.recv() => Signal::SIGHUP,
            Some(()) = self.quit.recv() => Signal::SIGQUIT,
        }
    }
}

/// Passes a signal on. What the terminal's keys send goes to all processes in
/// its foreground, the command among them, which must not have it twice.
fn pass(child: &Child, signal: Signal) {
    if signal != Signal::SIGTERM && is_in_foreground() {
        return;
    }
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid {
        // It may have ended; it was not waited for, so the pid is its own.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Whether the keys of a terminal reach us.
fn is_in_foreground() -> bool {
    let terminal = File::open("/dev/tty");
    terminal.is_ok_and(|terminal| tcgetpgrp(&terminal) == Ok(getpgrp()))
}
