//! `segue backfill pause`, `resume`, `rate` and `within`: what somebody wants
//! of a backfill, written into its row.

use std::num::NonZeroU64;

use clap::Args;

use super::subject::{Course, Known, Subject};
use crate::backfill::Standing;
use crate::backfill::standing::minute;
use crate::cli::context::Context;
use crate::cli::duration::HumanDuration;
use crate::cli::error::Error;
use crate::cli::outcome::Outcome;
use crate::cli::report::{Line, Report};
use crate::postgres::ledger::Wish;
use crate::text::thousands;

/// Hold a backfill back until it is resumed
///
/// The batch at hand is finished. The runner waits without a transaction; one that comes later waits
/// too. Its migration stays open, so that a deployment is not settled before it is resumed.
#[derive(Args, Clone, Debug)]
pub struct PauseArgs {
    /// Its file name
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Why, for those who look at it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Let a paused backfill go on
///
/// If nobody runs it, `segue settle` does.
#[derive(Args, Clone, Debug)]
pub struct ResumeArgs {
    /// Its file name
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Bound how many rows a backfill does in a second
#[derive(Args, Clone, Debug)]
#[command(allow_missing_positional = true)]
pub struct RateArgs {
    /// Its file name
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Rows per second at most, or `none`
    #[arg(value_name = "N", required = true)]
    rate: Rate,
}

/// Give a backfill another time to be done in
///
/// D counts from when it began, as `within` in its file does.
#[derive(Args, Clone, Debug)]
#[command(allow_missing_positional = true)]
pub struct WithinArgs {
    /// Its file name
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// In which time, or `none`
    #[arg(value_name = "D", required = true)]
    within: Within,
}

#[derive(Clone, Copy, Debug)]
struct Rate(Option<NonZeroU64>);

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let rate: Option<NonZeroU64> = text.parse().ok();
        // More is no bound, and the ledger's column holds no more.
        match rate.filter(|rate| i64::try_from(rate.get()).is_ok()) {
            Some(rate) => Ok(Self(Some(rate))),
            None if text == "0" => {
                Err("0 rows per second is a pause: `segue backfill pause` asks for one".to_owned())
            }
            None => {
                Err("write a number of rows per second, `500` for example, or `none`".to_owned())
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Within(Option<HumanDuration>);

impl std::str::FromStr for Within {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            text => match text.parse::<HumanDuration>() {
                Ok(time) if time.0.is_zero() => Err("no time at all cannot be met".to_owned()),
                Ok(time) => Ok(Self(Some(time))),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

/// Runs `segue backfill pause`.
///
/// # Errors
/// See [`Error`].
pub(super) async fn pause(
    args: &PauseArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let mut asked = Asked::on(args.name.as_deref(), context, report).await?;
    let by = format!("{} as {}", person(), asked.known.role());
    let reason = args.reason.clone();
    let changed = asked.wish(&Wish::Pause { by, reason }).await?;
    let name = &asked.subject.name;
    let standing = asked.standing();
    if changed {
        let begun = standing.filter(|_| asked.subject.course != Course::Pending);
        let at = begun.map_or_else(String::new, |one| format!(" at {}", one.line(false)));
        let line = format!("`{name}`{at}\n{}", asked.when("waits"));
        report.line_unless_quiet(&Line::done("Paused", line));
    } else if let Some(paused) = standing.and_then(|one| one.paused.as_ref()) {
        report.line_unless_quiet(&Line::done(
            "Paused",
            format!("`{name}`, already: {paused}"),
        ));
    }
    asked.close(Outcome::Done).await
}

/// Runs `segue backfill resume`.
///
/// # Errors
/// See [`Error`].
pub(super) async fn resume(
    args: &ResumeArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let mut asked = Asked::on(args.name.as_deref(), context, report).await?;
    let before = asked.standing().and_then(|one| one.paused.clone());
    let changed = asked.wish(&Wish::Resume).await?;
    let name = &asked.subject.name;
    let line = match before.filter(|_| changed) {
        Some(paused) => Line::done(
            "Resumed",
            format!("`{name}`, {paused}\n{}", asked.when("goes on")),
        ),
        None if changed => Line::done("Resumed", format!("`{name}`\n{}", asked.when("goes on"))),
        None => Line::done("Not paused", format!("`{name}`: nothing to resume")),
    };
    report.line_unless_quiet(&line);
    asked.close(Outcome::Done).await
}

/// Runs `segue backfill rate`.
///
/// # Errors
/// See [`Error`].
pub(super) async fn rate(
    args: &RateArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let mut asked = Asked::on(args.name.as_deref(), context, report).await?;
    let rate = args.rate.0.map(NonZeroU64::get);
    let before = asked.standing().and_then(|one| one.rate);
    let changed = asked.wish(&Wish::Rate(rate)).await?;
    let name = &asked.subject.name;
    let said = |rate: Option<u64>| match rate {
        Some(rate) => format!("at most {} rows/s", thousands(rate)),
        None => "no bound but its own budget".to_owned(),
    };
    let line = if changed {
        format!(
            "`{name}`: {}, before: {}\n{}",
            said(rate),
            said(before),
            asked.when("obeys")
        )
    } else {
        format!("`{name}`: {}, already before this", said(rate))
    };
    report.line_unless_quiet(&Line::done("Rate", line));
    asked.close(Outcome::Done).await
}

/// Runs `segue backfill within`.
///
/// # Errors
/// See [`Error`].
pub(super) async fn within(
    args: &WithinArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let mut asked = Asked::on(args.name.as_deref(), context, report).await?;
    let within = args.within.0.map(|time| time.0);
    let name = &asked.subject.name;
    if asked.subject.course == Course::Pending {
        return Err(Error::usage(format!("`{name}` has not begun"))
            .help("the directive `backfill` of its file says `within D`"));
    }
    let before = asked.standing().and_then(Standing::deadline);
    let changed = asked.wish(&Wish::Within(within)).await?;
    let name = &asked.subject.name;
    let now = asked.standing().and_then(Standing::deadline);
    let said = |deadline: Option<jiff::Timestamp>| match deadline {
        Some(at) => format!("by {}", minute(at)),
        None => "in its own time".to_owned(),
    };
    let line = if changed {
        format!(
            "`{name}` is to be done {}, before: {}\n{}",
            said(now),
            said(before),
            asked.when("obeys")
        )
    } else {
        format!("`{name}` is to be done {}, already before this", said(now))
    };
    report.line_unless_quiet(&Line::done("Within", line));
    if let Some(deadline) = now.filter(|at| *at <= jiff::Timestamp::now()) {
        report.note(&format!(
            "{} is over: it goes as fast as its budget allows, and is told to be late",
            minute(deadline)
        ));
    }
    asked.close(Outcome::Done).await
}

/// A backfill of which something is wanted.
struct Asked {
    known: Known,
    subject: Subject,
}

impl Asked {
    async fn on(name: Option<&str>, context: &Context, report: &mut Report) -> Result<Self, Error> {
        let known = Known::read(context, report).await?;
        let subject = known.one(name)?;
        if known.is_standby {
            let error = Error::usage("this server is a standby, where nothing can be written");
            return Err(error.help("`--database-url` names the primary"));
        }
        let name = &subject.name;
        match subject.course {
            Course::Applied => return Err(Error::usage(format!("`{name}` is done"))),
            Course::Abandoned => return Err(Error::usage(format!("`{name}` was given up"))),
            _ => {}
        }
        Ok(Self { known, subject })
    }

    /// Writes it down, and reads what has come of it; whether it changed
    /// anything.
    async fn wish(&mut self, wish: &Wish) -> Result<bool, Error> {
        let (known, subject) = (&mut self.known, &self.subject);
        let changed = known.wish(subject, wish).await?;
        self.subject = known.one(Some(subject.name.as_str()))?;
        Ok(changed)
    }

    /// When it shows.
    fn when(&self, what: &str) -> String {
        match (&self.subject.course, self.subject.course.pid()) {
            (_, Some(pid)) => format!("pid {pid} {what} from its next batch on"),
            (Course::Pending, None) => format!("it has not begun; whoever begins it {what}"),
            (_, None) => format!("nobody runs it now; whoever does next {what}"),
        }
    }

    /// As it was when it was read last; `None` before there was anything to
    /// write down.
    fn standing(&self) -> Option<&Standing> {
        self.subject.standing.as_ref()
    }

    async fn close(self, outcome: Outcome) -> Result<Outcome, Error> {
        self.known.close().await;
        Ok(outcome)
    }
}

/// Who sits at the keyboard, as far as the system knows: `alice@laptop`.
fn person() -> String {
    let name = whoami::username().unwrap_or_else(|_| "somebody".to_owned());
    match whoami::hostname() {
        Ok(host) => format!("{name}@{host}"),
        Err(_) => name,
    }
}
