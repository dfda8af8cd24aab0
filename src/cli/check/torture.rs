//! `segue check --torture`

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::thread::available_parallelism;

use clap::Args;

use super::super::context::Context;
use super::super::error::Error;
use super::super::outcome::Outcome;
use super::super::report::{Line, Report, Tone, phrase};
use crate::apply::Interrupt;
use crate::apply::rehearse::torture::{self, Program, Told, Torment};
use crate::apply::rehearse::{Examined, Place, Seen, Verdict};
use crate::diagnostic::Severity;
use crate::migration::Migration;
use crate::rehearsal::Step;

/// Whether, and how, the migrations are tortured.
#[derive(Args, Clone, Debug)]
pub struct TortureArgs {
    /// Kill segue, its connections and its server in the middle of the migrations, run `segue up`
    /// again, and compare what comes of it with an undisturbed run [POINTS default: 200]
    ///
    /// POINTS is how many faults are tried, or `all`. Each trial starts a server of its own, so 200
    /// take some minutes. Tried are first every statement and every phase of a concurrent one,
    /// each with another fault; then, for the last fifth, faults at random, up to three one after
    /// the other.
    #[arg(
        long,
        value_name = "POINTS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "200",
        conflicts_with = "on"
    )]
    pub torture: Option<Points>,

    /// What --torture leaves to chance; it tells the one that it takes [default: at random]
    #[arg(long, value_name = "N", requires = "torture")]
    pub seed: Option<u64>,
}

/// How many points are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Points {
    /// All there are.
    All,
    /// So many at most.
    Some(NonZeroUsize),
}

impl FromStr for Points {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        text.parse()
            .map(Self::Some)
            .map_err(|_| "not a number of points from 1 on, nor `all`".to_owned())
    }
}

impl TortureArgs {
    /// Whether anything is to be tortured.
    pub(super) fn is_asked(&self) -> bool {
        self.torture.is_some()
    }
}

/// Tortures what has been examined and found to be well, if that is asked for.
///
/// # Errors
/// See [`Error`].
pub(super) async fn run(
    args: &TortureArgs,
    context: &Context,
    report: &mut Report,
    place: Place,
    migrations: &[Migration],
    examined: &mut Examined,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let Some(points) = args.torture else {
        return Ok(());
    };
    let is_error = |severity| severity == Severity::Error;
    let mut found = examined.findings.iter();
    let why_not = if found.any(|finding| is_error(finding.diagnostic.severity)) {
        Some("once nothing else is found".to_owned())
    } else {
        let mut migrations = migrations.iter();
        // `segue up` as a process of its own would connect to what it names.
        let elsewhere = migrations.find(|migration| migration.connection.is_some());
        elsewhere.map(|migration| {
            let name = &migration.name;
            format!("`{name}` runs on a connection of its own, whose server is not ours to kill")
        })
    };
    if let Some(why_not) = why_not {
        examined.seen.push(Seen {
            step: Step::Torture,
            verdict: Verdict::Skipped(why_not),
            count: 0,
            duration: std::time::Duration::ZERO,
        });
        return Ok(());
    }
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let mut roles = examined.roles.clone();
    roles.extend(context.owner());
    let torment = Torment {
        place: of_major(place, examined.major),
        connect_wait: context.connect_wait().max(RESTART_WAIT),
        program: program(context, report)?,
        roles,
        rules: &context.rules(),
        limit: match points {
            Points::All => None,
            Points::Some(points) => Some(points.get()),
        },
        seed,
        jobs: available_parallelism().map_or(1, NonZeroUsize::get),
        interrupt: interrupt.clone(),
    };
    let major = examined.major;
    let mut tell = |told: Told| match told {
        Told::Chosen {
            points,
            all,
            hit,
            spots,
            phases,
            no_full_disk,
        } => {
            let text = format!(
                "{} of {all} and more, at {hit} of {spots} places ({phases} of them phases of \
                 concurrent statements), seed {seed}, PostgreSQL {major}",
                phrase::count(points, "point"),
            );
            report.line_unless_quiet(&Line::active("Torturing", text));
            if no_full_disk {
                report.note("no disk is filled: `prlimit` of util-linux is not there");
            }
        }
        Told::Tried {
            done,
            of,
            point,
            is_well,
        } => {
            let text = format!("{done} of {of}: {point}");
            if !is_well {
                report.line_unless_quiet(&Line::new(Tone::Failed, "Differs", text));
            } else if done % TOLD_EVERY == 0 || done == of {
                report.line_unless_quiet(&Line::active("Tortured", text));
            } else if report.is_verbose() {
                report.line(&Line::active("Tortured", text));
            }
        }
    };
    let tortured = Box::pin(torture::torture(&torment, &mut tell)).await?;
    if !tortured.volatile.is_empty() {
        report.note(&format!(
            "not compared, since filled by sequences, clocks or chance: {}",
            tortured.volatile.join(", ")
        ));
    }
    if tortured.missed > 0 {
        report.note(&format!(
            "in {} segue did not come to the point, since no two runs are quite alike",
            phrase::count(tortured.missed, "trial")
        ));
    }
    examined.seen.push(tortured.seen);
    examined.findings.extend(tortured.findings);
    Ok(())
}

/// A server that was killed needs some time to recover.
const RESTART_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// A run that waits longer than this for what a fault has left does not come to
/// its end.
const BOUNDS: [(&str, &str); 2] = [("--retry-for", "60s"), ("--concurrent-wait", "60s")];

/// Every so many trials a line tells that it goes on.
const TOLD_EVERY: usize = 20;

/// The major version that was examined, which may have been the newest one.
fn of_major(mut place: Place, major: u32) -> Place {
    if let Place::Throwaway { options, .. } = &mut place {
        options.major = Some(major);
    }
    place
}

/// `segue up` as this command was run.
fn program(context: &Context, report: &mut Report) -> Result<Program, Error> {
    let path = std::env::current_exe().map_err(|error| {
        let message = format!("cannot find the segue program to run it again: {error}");
        Error::new(Outcome::Failed, message)
    })?;
    // What is to be hit are the builds of the tail, which a fresh database would
    // not have.
    let mut arguments: Vec<OsString> =
        vec!["up".into(), "--color=never".into(), "--no-fold".into()];
    let mut option = |name: &str, value: OsString| {
        arguments.push(name.into());
        arguments.push(value);
    };
    if let Some(config) = context.config_file() {
        option("--config", config.into());
    }
    option("--project", context.project().into());
    for folder in context.migration_folders(report)? {
        option("--migrations", folder.into());
    }
    option("--expected-schema", context.expected_schema().into());
    option(
        "--connect-wait",
        format!("{}s", RESTART_WAIT.as_secs()).into(),
    );
    for (name, bound) in BOUNDS {
        option(name, bound.into());
    }
    Ok(Program {
        path,
        arguments,
        unset: context.server_variables(),
    })
}
