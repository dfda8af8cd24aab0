//! [`Event`]s → lines for people, each thing once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::line::{Line, Tone};
use super::mismatch;
use super::pace::Pace;
use super::phrase::{
    absent, brought, commit_waits, count, cut, left, names, sessions, strong_locks, thousands,
};
use super::{backfill, conflict};
use crate::apply::{Event, blocker, human};
use crate::migration::{Kind, Name};
use crate::plan::{Place, Plan, Step};
use crate::postgres::ServerError;
use crate::postgres::activity::Blocker;
use crate::reversal::Reversal;
use crate::status::Reading;

mod planned;
mod reverting;

use planned::{summary, unverified};
use reverting::reverting;

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Problems only.
    Quiet,
    /// What a person who waits wants to know.
    #[default]
    Normal,
    /// Each migration, statement and notice.
    Verbose,
}

/// Remembers what was told already.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    verbosity: Verbosity,
    pace: Pace,
    /// Waits that were told, in their own words.
    told: BTreeSet<String>,
    retry_told: Option<Duration>,
    was_planned: bool,
    /// Of the block under way: its size, and how many have run.
    block: (usize, usize),
    block_told: Duration,
}

/// A block of at most so many migrations names each of them.
const NAMED_MAX: usize = 20;

/// The same trouble again is told this often.
const AGAIN: Duration = Duration::from_secs(10);

impl Teller {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            ..Self::default()
        }
    }

    /// The lines that an event is worth, `at` after the run began.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm per event, each a line or two: a table"
    )]
    pub(crate) fn lines(&mut self, event: &Event, at: Duration) -> Vec<Line> {
        let is_verbose = self.verbosity == Verbosity::Verbose;
        let line = match event {
            Event::Planned(plan) => return self.planned(plan),
            Event::ReversalPlanned {
                reversal,
                is_unverified,
            } => return self.reversal(reversal, *is_unverified),
            Event::RowsReverted { names: reverted } => {
                let text = format!("{}, of which nothing is left", names(reverted));
                Line::done("Took back", text)
            }
            Event::LedgerCreated => Line::done("Created", "the ledger, in namespace segue"),
            Event::LedgerBrought { name, applied } => {
                Line::done("Took over", brought(name, *applied))
            }
            Event::WaitingForBatch { holder } => {
                let text = format!("for another run to end its batch: {holder}");
                return self.once(
                    format!("batch {}", holder.pid),
                    Line::notable("Waiting", text),
                );
            }
            Event::DeploymentBegan { deployment } if is_verbose => {
                Line::active("Began", format!("deployment {deployment}"))
            }
            Event::BlockBegan {
                migrations,
                attempt,
            } => {
                self.block = (*migrations, 0);
                self.block_told = at;
                if !is_verbose {
                    return Vec::new();
                }
                let text = format!("a transaction of {}", count(*migrations, "migration"));
                Line::active(
                    "Began",
                    match attempt {
                        0 | 1 => text,
                        attempt => format!("{text}, try {attempt}"),
                    },
                )
            }
            Event::MigrationRan {
                name,
                kind,
                statements,
                duration,
            } => return self.ran(name, *kind, *statements, *duration, at),
            Event::WaitingForLock {
                relation,
                lock,
                blockers,
            } => {
                let lock = lock.as_deref().unwrap_or("relation");
                let what = format!("for {}", blocker::lock(relation.as_deref(), lock));
                let pids: Vec<_> = blockers.iter().map(|blocker| blocker.pid).collect();
                let text = format!("{what}, held by {}", sessions(blockers));
                let waiting = Line::notable("Waiting", text);
                let mut lines = self.once(format!("{what} {pids:?}"), waiting);
                lines.extend(self.hidden(blockers));
                return lines;
            }
            Event::StalledEnded { .. } | Event::Conflict { .. } | Event::Preempted { .. } => {
                let Some((key, line)) = conflict::told(event) else {
                    return Vec::new();
                };
                return self.once(key, line);
            }
            Event::BlockRetried {
                attempt,
                name,
                cause,
                pause,
            } => {
                // A busy table may cost hundreds of tries, all for one reason.
                if !is_verbose && self.retry_told.is_some_and(|told| at < told + AGAIN) {
                    return Vec::new();
                }
                self.retry_told = Some(at);
                let place = name
                    .as_ref()
                    .map_or_else(String::new, |name| format!(" in `{name}`"));
                Line::notable(
                    "Retrying",
                    format!(
                        "the block in {}, after try {attempt} was rolled back{place}: {cause}",
                        human(pause)
                    ),
                )
            }
            Event::StatementRetried {
                name,
                number,
                attempt,
                cause,
                pause,
            } => {
                if !is_verbose && self.retry_told.is_some_and(|told| at < told + AGAIN) {
                    return Vec::new();
                }
                self.retry_told = Some(at);
                Line::notable(
                    "Retrying",
                    format!(
                        "statement {number} of `{name}` in {}, after try {attempt} failed: {cause}",
                        human(pause)
                    ),
                )
            }
            Event::RoleMade { role } => Line::notable(
                "Made",
                format!("role `{role}`, which is missing here, NOLOGIN"),
            ),
            Event::BlockCut { cut: found } => Line::notable(
                "Cut",
                format!(
                    "{}; the block was rolled back and runs as two transactions",
                    cut(found).trim_start_matches("cut ")
                ),
            ),
            Event::Unfolded { name, reason } => Line::notable(
                "Unfolded",
                format!(
                    "`{name}`, which runs by itself: {reason}; the block was rolled back and runs without it"
                ),
            ),
            Event::ConnectionLost { reason } => Line::notable(
                "Reconnecting",
                format!("the connection was lost ({reason}); what stands is read again first"),
            ),
            Event::CommitWaits { pid, wait_event } => {
                let what = commit_waits(wait_event.as_deref());
                let text = format!("COMMIT was sent; pid {pid} waits{what}");
                return self.once(
                    format!("commit {pid} {what}"),
                    Line::notable("Waiting", text),
                );
            }
            Event::CommitResolved { committed: true } => {
                Line::done("Resolved", "the lost COMMIT did happen")
            }
            Event::CommitResolved { committed: false } => {
                Line::notable("Resolved", "the lost COMMIT did not happen")
            }
            Event::BlockCommitted {
                migrations,
                duration,
            } => Line::done(
                "Committed",
                format!("{} in {}", count(*migrations, "migration"), human(duration)),
            ),
            Event::Ready {
                deployment,
                again: true,
                ..
            } => Line::done("Ready", format!("since deployment {deployment}")),
            Event::Ready {
                deployment,
                after,
                schema_version,
                ..
            } => Line::done(
                "Ready",
                format!(
                    "after {} (deployment {deployment}{})",
                    human(after),
                    schema_version
                        .map_or_else(String::new, |version| format!(", schema {version}")),
                ),
            ),
            Event::TailBegan { names: tail } => Line::active(
                "Tail",
                format!(
                    "{}: {}",
                    count(tail.len(), "concurrent migration"),
                    names(tail)
                ),
            ),
            Event::MigrationBegan { name, kind, pid } => {
                let text = match kind {
                    Kind::Concurrent => format!("`{name}` (pid {pid})"),
                    Kind::Batch | Kind::Standalone => {
                        format!("`{name}` outside a transaction (pid {pid})")
                    }
                };
                Line::active("Running", text)
            }
            Event::StatementBegan {
                name,
                number,
                of,
                sql,
            } if is_verbose => Line::active(
                "Running",
                format!(
                    "statement {number} of {of} of `{name}`: {}",
                    first_line(sql)
                ),
            ),
            Event::StatementSkipped {
                name,
                number,
                reason,
            } => Line::done(
                "Skipped",
                format!("statement {number} of `{name}`: {reason}"),
            ),
            Event::PartitionBegan {
                name,
                partition,
                number,
                of,
            } => Line::active(
                "Building",
                format!("`{name}`: partition {number} of {of}, `{partition}`"),
            ),
            Event::Repaired { name, what } => {
                Line::notable("Repaired", format!("`{name}`: {what}"))
            }
            Event::RunsElsewhere { name, holder } => {
                let text = format!("for `{name}`, run by {holder}");
                return self.once(
                    format!("elsewhere {name} {}", holder.pid),
                    Line::notable("Waiting", text),
                );
            }
            Event::Progress {
                name,
                phase,
                done,
                total,
            } => {
                let reading = self.pace.read(name, phase, *done, *total, at);
                if !self.pace.is_due(name, phase, &reading, at) {
                    return Vec::new();
                }
                let text = format!("`{name}`: {}", progress(phase, *done, *total, &reading));
                Line::active("Progress", text)
            }
            Event::Backfill { name, news } => return self.unless_quiet(backfill::told(name, news)),
            Event::BuildWaits {
                name,
                blockers,
                since,
            } => {
                let pids: Vec<_> = blockers.iter().map(|blocker| blocker.pid).collect();
                let text = format!(
                    "`{name}` has waited {} for {}",
                    human(since),
                    sessions(blockers)
                );
                let waiting = Line::notable("Waiting", text);
                let mut lines = self.once(format!("build {name} {pids:?}"), waiting);
                lines.extend(self.hidden(blockers));
                return lines;
            }
            Event::MigrationDone { name, duration } => {
                self.pace.end(name);
                Line::done("Finished", format!("`{name}` in {}", human(duration)))
            }
            // The diagnostic follows; the line alone would say nothing.
            Event::MigrationFailed { name, .. } => {
                self.pace.end(name);
                return Vec::new();
            }
            Event::Detached { builds } => return detached(builds),
            Event::Settled { deployment, after } => Line::done(
                "Settled",
                format!("after {} (deployment {deployment})", human(after)),
            ),
            Event::Verified {
                stage,
                duration,
                half_way,
                blind,
                unused_rules,
            } => {
                let lines = mismatch::verified(*stage, *duration, half_way, blind, unused_rules);
                let is_told = self.verbosity > Verbosity::Quiet;
                return if is_told { lines } else { Vec::new() };
            }
            Event::Overtaken { names: lacking } => Line::notable(
                "Not verified",
                format!(
                    "the database has {} by now, which this folder lacks; `segue settle` with the newer folder verifies and settles",
                    names(lacking)
                ),
            ),
            Event::ServiceWaits { reason } => Line::notable("Waiting", reason.clone()),
            Event::ServiceRetries { reason, pause } => Line::notable(
                "Again",
                format!("in {}, or as soon as something changes: {reason}", human(pause)),
            ),
            Event::ServiceLacks { names: lacking } => Line::notable(
                "Left",
                format!("to others, since this folder lacks it: {}", names(lacking)),
            ),
            Event::Notice { name, notice } => return self.notice(name.as_ref(), notice),
            Event::DeploymentBegan { .. }
            | Event::StatementBegan { .. }
            // For programs: people have just been told it in other words.
            | Event::Reached { .. }
            // Told with what differs.
            | Event::DriftFound { .. }
            | Event::Mismatched { .. } => return Vec::new(),
        };
        self.unless_quiet(line)
    }

    fn unless_quiet(&self, line: Line) -> Vec<Line> {
        if self.verbosity == Verbosity::Quiet {
            Vec::new()
        } else {
            vec![line]
        }
    }

    /// A wait is told once, and again only when it is for somebody else.
    fn once(&mut self, what: String, line: Line) -> Vec<Line> {
        if self.told.insert(what) {
            self.unless_quiet(line)
        } else {
            Vec::new()
        }
    }

    /// Once per run, that the role may not see what others do.
    fn hidden(&mut self, blockers: &[Blocker]) -> Vec<Line> {
        if !blockers.iter().any(Blocker::is_hidden) {
            return Vec::new();
        }
        let text = "are state, age and statement of other roles' sessions\n`GRANT pg_read_all_stats TO ROLE`, for the role that segue connects as, shows them";
        self.once("hidden".to_owned(), Line::notable("Hidden", text))
    }

    fn planned(&mut self, plan: &Plan) -> Vec<Line> {
        let again = std::mem::replace(&mut self.was_planned, true);
        let mut lines = Vec::new();
        lines.extend(absent(plan).map(|text| Line::notable("Not there", text)));
        // Always the first lines: whoever waits for readiness has to know that
        // it takes as long as an index build.
        for (concurrent, needed_by) in plan.not_ready_before() {
            lines.push(Line::notable(
                "Not ready",
                format!("before `{concurrent}` is done, because `{needed_by}` needs it"),
            ));
        }
        if !again {
            for fact in &plan.facts {
                // Where the whole database is ahead, the line below says it.
                if !matches!(
                    (fact, &plan.place),
                    (crate::plan::Fact::Missing(_), Place::Ahead { .. })
                ) {
                    lines.push(Line::notable("Note", fact.to_string()));
                }
            }
        }
        if !again {
            let locks = plan.strong_locks.iter();
            lines.extend(locks.map(|locks| Line::notable("Warning", strong_locks(plan, locks))));
        }
        if let Place::Ahead { missing } = &plan.place {
            lines.push(Line::notable(
                "Ahead",
                format!(
                    "by {}, which this folder lacks: {}",
                    count(missing.len(), "migration"),
                    names(missing)
                ),
            ));
        }
        if let Some(summary) = summary(plan) {
            let verb = if again { "Planned anew" } else { "Planned" };
            lines.push(Line::active(verb, summary));
        } else if !again && plan.place == Place::Equal {
            lines.push(Line::done("Up to date", "nothing is pending"));
        }
        let folded: Vec<_> = plan.folded().cloned().collect();
        if !folded.is_empty() {
            let are = if folded.len() == 1 { "is" } else { "are" };
            lines.push(Line::notable(
                "Note",
                format!("{} {are} folded into the transaction", names(&folded)),
            ));
        }
        for step in &plan.batch {
            if let Step::Block(block) = step
                && let Some(found) = &block.cut
            {
                lines.push(Line::notable(
                    "Note",
                    format!("a transaction is {}", cut(found)),
                ));
            }
        }
        if !again {
            lines.extend(unverified(plan));
        }
        if self.verbosity == Verbosity::Quiet {
            lines.clear();
        }
        lines
    }

    fn reversal(&mut self, reversal: &Reversal, is_unverified: bool) -> Vec<Line> {
        let again = std::mem::replace(&mut self.was_planned, true);
        if self.verbosity == Verbosity::Quiet {
            return Vec::new();
        }
        reverting(reversal, is_unverified, again)
    }

    fn ran(
        &mut self,
        name: &Name,
        kind: Kind,
        statements: usize,
        duration: Duration,
        at: Duration,
    ) -> Vec<Line> {
        let (size, ran) = &mut self.block;
        *ran += 1;
        let (size, ran) = (*size, *ran);
        if kind == Kind::Standalone || size <= NAMED_MAX || self.verbosity == Verbosity::Verbose {
            return self.unless_quiet(Line::done(
                "Ran",
                format!(
                    "`{name}`, {} in {}",
                    count(statements, "statement"),
                    human(&duration)
                ),
            ));
        }
        if at < self.block_told + AGAIN || ran == size {
            return Vec::new();
        }
        self.block_told = at;
        self.unless_quiet(Line::active(
            "Running",
            format!(
                "{} of {}, now `{name}`",
                thousands(ran as u64),
                count(size, "migration")
            ),
        ))
    }

    fn notice(&self, name: Option<&Name>, notice: &ServerError) -> Vec<Line> {
        // Severities are localized; class 01 is that of warnings.
        let is_warning = notice.is_warning();
        if !is_warning && self.verbosity < Verbosity::Verbose {
            return Vec::new();
        }
        let place = name.map_or_else(String::new, |name| format!("`{name}`: "));
        let mut text = format!("{place}{}", notice.message);
        for more in [&notice.detail, &notice.hint].into_iter().flatten() {
            text.push('\n');
            text.push_str(more);
        }
        let tone = if is_warning {
            Tone::Notable
        } else {
            Tone::Active
        };
        vec![Line::new(
            tone,
            if is_warning { "Warning" } else { "Notice" },
            text,
        )]
    }
}

/// `building index: scanning table, 45% (1,200 of 2,700), 300/s, 5s left`
pub(crate) fn progress(
    phase: &str,
    done: Option<u64>,
    total: Option<u64>,
    reading: &Reading,
) -> String {
    let counts = done.zip(total).filter(|_| reading.percent.is_some());
    let counts = counts.map_or_else(String::new, |(done, total)| {
        format!(" ({} of {})", thousands(done), thousands(total))
    });
    sentence(phase, &counts, reading)
}

/// The same where a bar shows the counts.
pub(crate) fn rest(phase: &str, reading: &Reading) -> String {
    sentence(phase, "", reading)
}

fn sentence(phase: &str, counts: &str, reading: &Reading) -> String {
    let facts = [
        Some(phase.to_owned()),
        reading.percent.map(|percent| format!("{percent}%{counts}")),
        reading.rate.map(|rate| format!("{}/s", thousands(rate))),
        reading.left.map(|time| format!("{} left", left(time))),
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn detached(builds: &[(Name, i32)]) -> Vec<Line> {
    builds
        .iter()
        .map(|(name, pid)| {
            Line::notable(
                "Detached",
                format!("`{name}` goes on in the server, as pid {pid}"),
            )
        })
        .collect()
}

fn first_line(sql: &str) -> &str {
    sql.trim().lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
