//! `segue backfill status`

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::subject::{Known, Subject};
use crate::backfill::Standing;
use crate::backfill::standing::SetAside;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::outcome::Outcome;
use crate::cli::report::backfill_text::{self, Shown};
use crate::cli::report::{self, Report};
use crate::cli::signal;
use crate::status::JSON_VERSION;

/// Show how far backfills are, when they end, and what is in their way
///
/// Reads only. Without NAME it shows those that are open; with NAME also one that is done, or was
/// given up. Times are UTC. An end is a span: it is as wide as what is known so far makes it.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Its file name
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Print JSON, by docs/json/backfill.schema.json
    #[arg(long)]
    json: bool,

    /// Go on until interrupted, and print again whenever something changes; a server that restarts
    /// is waited for
    #[arg(long)]
    watch: bool,
}

/// Pause between two looks of `--watch`.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub(super) async fn run(
    args: &StatusArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let known = Known::read(context, report).await?;
    if args.watch {
        return follow(args, known, report).await;
    }
    let seen = look(args, &known).await?;
    report::result(&text(args, &known, &seen))?;
    known.close().await;
    Ok(Outcome::Done)
}

/// What is known of one, rows in quarantine included.
type Seen = (Subject, Vec<SetAside>);

async fn look(args: &StatusArgs, known: &Known) -> Result<Vec<Seen>, Error> {
    let subjects = match &args.name {
        Some(name) => vec![known.one(Some(name))?],
        None => known.open(),
    };
    let mut seen = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let aside = known.set_aside(&subject).await?;
        seen.push((subject, aside));
    }
    Ok(seen)
}

/// Prints whenever something changes, until interrupted.
async fn follow(
    args: &StatusArgs,
    mut known: Known,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let interrupt = signal::listen()?;
    let mut printed = None;
    let mut told = None;
    loop {
        let looking = async {
            known.reread().await?;
            look(args, &known).await
        };
        let looked = tokio::select! {
            looked = looking => looked,
            signal = interrupt.first() => return Ok(signal.into()),
        };
        match looked {
            Ok(seen) => {
                told = None;
                let text = text(args, &known, &seen);
                if printed.as_ref() != Some(&text) {
                    report::result(&text)?;
                    printed = Some(text);
                }
            }
            Err(error) if known.is_away() => {
                if told != error.message {
                    report.notes(error.message.as_slice());
                    told = error.message;
                }
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            signal = interrupt.first() => return Ok(signal.into()),
        }
    }
}

fn text(args: &StatusArgs, known: &Known, seen: &[Seen]) -> String {
    if args.json {
        let value = json(known, seen);
        // One line each, so that a reader can tell where one ends.
        return if args.watch {
            format!("{value}\n")
        } else {
            format!("{value:#}\n")
        };
    }
    if seen.is_empty() {
        return format!("No backfill of project `{}` is open\n", known.project);
    }
    let now = Timestamp::now();
    let texts: Vec<String> = seen
        .iter()
        .map(|(subject, aside)| shown(subject, aside, (!args.watch).then_some(now)))
        .collect();
    texts.join("\n")
}

fn shown(subject: &Subject, aside: &[SetAside], now: Option<Timestamp>) -> String {
    backfill_text::text(&Shown {
        name: &subject.name,
        course: &subject.course,
        directive: subject.directive.as_ref(),
        standing: subject.standing.as_ref(),
        aside,
        now,
    })
}

fn json(known: &Known, seen: &[Seen]) -> Value {
    let backfills: Vec<Value> = seen
        .iter()
        .map(|(subject, aside)| {
            json!({
                "migration": subject.name.as_str(),
                "state": subject.course.state(),
                "pid": subject.course.pid(),
                "error": subject.course.error(),
                "backfill": subject.standing.as_ref().map(Standing::to_json),
                "quarantine": aside.iter().map(SetAside::to_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "version": JSON_VERSION,
        "project": known.project,
        "standby": known.is_standby,
        "backfills": backfills,
    })
}
