//! A [`Plan`] as text.

use std::fmt::Write as _;
use std::time::Duration;

use super::phrase::{count, cut, names};
use crate::history::Progress;
use crate::migration::Name;
use crate::plan::{BeforeReady, Checks, Fact, LedgerOf, Place, Plan, Ready, Step, TailStep};

/// The plan, line by line.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    if let Some(line) = super::phrase::absent(plan) {
        let _ = writeln!(text, "{line}.");
    }
    for (concurrent, needed_by) in plan.not_ready_before() {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(
            text,
            "Not ready before `{concurrent}` is done, because `{needed_by}` needs it."
        );
    }
    let _ = writeln!(text, "{}", place(plan));
    for fact in &plan.facts {
        // The line above has named them.
        if matches!(fact, Fact::Missing(_)) {
            continue;
        }
        let _ = writeln!(text, "Note: {fact}.");
    }
    for locks in &plan.strong_locks {
        let _ = writeln!(
            text,
            "Warning: {}.",
            super::phrase::strong_locks(plan, locks)
        );
    }
    if !plan.batch.is_empty() {
        text.push_str("\nBatch\n");
        for (index, step) in plan.batch.iter().enumerate() {
            self::step(&mut text, index + 1, step, plan);
        }
    }
    let ready = match plan.ready {
        Ready::WithLastBlock if plan.batch.len() > 1 => {
            format!("Ready by the COMMIT of step {}.", plan.batch.len())
        }
        Ready::WithLastBlock => "Ready by its COMMIT.".to_owned(),
        Ready::AfterBatch if plan.batch.is_empty() => {
            "Ready at once, by a deployment of its own.".to_owned()
        }
        Ready::AfterBatch => "Ready when its last step is done.".to_owned(),
        Ready::Already(deployment) => format!("Ready already, since deployment {deployment}."),
        Ready::Nothing => "There is nothing to apply.".to_owned(),
    };
    let _ = writeln!(text, "\n{ready}");
    if !plan.tail.is_empty() {
        text.push_str("\nTail\n");
        for step in &plan.tail {
            let takes = variables(plan, &step.name);
            let expands = expanded(plan, &step.name);
            let fills = backfill(plan, &step.name);
            let _ = writeln!(text, "  {}{fills}{expands}{takes}", tail_step(step));
        }
    }
    if let Some(checks) = checks(&plan.checks) {
        let _ = writeln!(text, "\n{checks}");
    }
    text
}

/// What is verified, or why nothing is; `None` if nothing is to be done.
fn checks(checks: &Checks) -> Option<String> {
    let text = match checks {
        Checks::Nothing => return None,
        Checks::NoExpectedSchema => {
            "The schema is not verified: there is no expected schema.".to_owned()
        }
        Checks::Ahead => {
            "The schema is not verified: the database is ahead of this folder.".to_owned()
        }
        Checks::Diverged => {
            "The schema is not verified: what this folder lacks is in no expected schema."
                .to_owned()
        }
        Checks::OtherMajors { major, .. } => {
            format!("The schema cannot be verified: nothing is expected of PostgreSQL {major}.")
        }
        Checks::Made {
            before_ready,
            after_tail,
        } => {
            let before_ready = before_ready.map(|place| match place {
                BeforeReady::InTheTransaction => {
                    "before COMMIT, which a mismatch turns into a rollback"
                }
                BeforeReady::InTheLastTransaction => {
                    "before the last COMMIT, which a mismatch turns into a rollback"
                }
                BeforeReady::AfterTheBatch => "before it is ready",
            });
            let after_tail = after_tail.then_some("after the tail");
            let moments: Vec<_> = before_ready.into_iter().chain(after_tail).collect();
            format!("The schema is verified {}.", moments.join(", and "))
        }
    };
    Some(text)
}

fn place(plan: &Plan) -> String {
    let project = &plan.project;
    let pending = |pending: usize| format!("{} pending", count(pending, "migration"));
    let lacks = |missing: &[Name]| {
        format!(
            "{} that this folder lacks: {}",
            count(missing.len(), "migration"),
            names(missing)
        )
    };
    match &plan.place {
        Place::Equal => format!("Project `{project}`: nothing pending."),
        Place::Behind { pending: number } => format!("Project `{project}`: {}.", pending(*number)),
        Place::Ahead { missing } => format!(
            "Project `{project}`: nothing pending; the database is ahead by {}.",
            lacks(missing)
        ),
        Place::Diverged {
            pending: number,
            missing,
        } => format!(
            "Project `{project}`: {}, and the database has {}.",
            pending(*number),
            lacks(missing)
        ),
    }
}

fn step(text: &mut String, number: usize, step: &Step, plan: &Plan) {
    let _ = match step {
        Step::Block(block) => {
            let size = match block.migrations.len() {
                1 => String::new(),
                several => format!(", {}", count(several, "migration")),
            };
            let on = connection(plan, block.migrations.first());
            let again = match block.brings {
                Some(LedgerOf::Segue) => ", which brings segue's ledger; then plan again",
                Some(LedgerOf::Codd) => ", which brings codd's table; then plan again",
                None => "",
            };
            let _ = writeln!(text, "  {number}. one transaction{size}{on}{again}");
            for name in &block.migrations {
                let folded = if block.folded.contains(name) {
                    ", folded into the transaction"
                } else {
                    ""
                };
                let _ = writeln!(text, "       {name}{}{folded}", variables(plan, name));
            }
            match &block.cut {
                Some(found) => writeln!(text, "     {}", cut(found)),
                None => Ok(()),
            }
        }
        Step::Standalone(name) => {
            let on = connection(plan, Some(name));
            let takes = variables(plan, name);
            let expands = expanded(plan, name);
            writeln!(
                text,
                "  {number}. outside a transaction{on}\n       {name}{expands}{takes}"
            )
        }
        Step::Foreground {
            concurrent,
            needed_by,
        } => writeln!(
            text,
            "  {number}. concurrent, before ready because `{needed_by}` needs it; then plan again\n       {concurrent}{}{}{}",
            foreground(plan, concurrent),
            expanded(plan, concurrent),
            variables(plan, concurrent)
        ),
        Step::WaitFor {
            concurrent,
            needed_by,
            pid,
        } => writeln!(
            text,
            "  {number}. wait for pid {pid} to finish it, because `{needed_by}` needs it; then plan again\n       {concurrent}"
        ),
    };
}

/// Where it runs, if not in the database at hand.
fn connection(plan: &Plan, name: Option<&Name>) -> String {
    let needs = name.and_then(|name| plan.needs.get(name));
    match needs.and_then(|needs| needs.connection.as_ref()) {
        Some(place) => format!(", in {place}"),
        None => String::new(),
    }
}

/// The tables that it does partition by partition.
fn expanded(plan: &Plan, name: &Name) -> String {
    match plan.expanded.get(name) {
        Some(tables) => format!(", on `{}` partition by partition", tables.join("`, `")),
        None => String::new(),
    }
}

/// What a backfill goes through, and how fast.
fn backfill(plan: &Plan, name: &Name) -> String {
    let Some(backfill) = plan.backfills.get(name) else {
        return String::new();
    };
    let within = backfill
        .within
        .map(|time| format!(" within {}", time_of(time)));
    let pause = (!backfill.pause.is_zero())
        .then(|| format!(" and pauses of {} or more", time_of(backfill.pause)));
    format!(
        ", a backfill of `{}` by `{}`{}, in batches of {}{}",
        backfill.table,
        backfill.key,
        within.unwrap_or_default(),
        time_of(backfill.batch_time),
        pause.unwrap_or_default(),
    )
}

/// As [`backfill`], where somebody waits for it.
fn foreground(plan: &Plan, name: &Name) -> String {
    let Some(backfill) = plan.backfills.get(name) else {
        return String::new();
    };
    format!(
        ", a backfill of `{}` by `{}`, in batches of {}, without pauses",
        backfill.table,
        backfill.key,
        time_of(backfill.batch_time),
    )
}

/// `200ms`, `90s`, `7d`: as the directive has it, in the largest unit that
/// divides it.
fn time_of(time: Duration) -> String {
    let milliseconds = time.as_millis();
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
    ];
    let unit = units
        .iter()
        .find(|(_, each)| milliseconds % each == 0 && milliseconds > 0);
    match unit {
        Some((unit, each)) => format!("{}{unit}", milliseconds / each),
        None => format!("{milliseconds}ms"),
    }
}

/// The environment variables that it takes.
fn variables(plan: &Plan, name: &Name) -> String {
    match plan.needs.get(name) {
        Some(needs) if !needs.variables.is_empty() => {
            format!(" (takes {})", needs.variables.join(", "))
        }
        _ => String::new(),
    }
}

fn tail_step(step: &TailStep) -> String {
    let mut text = step.name.to_string();
    if !step.after.is_empty() {
        let _ = write!(text, ", after {}", names(&step.after));
    }
    match &step.progress {
        Progress::Running(pid) => {
            let _ = write!(text, ", runs as pid {pid}");
        }
        Progress::Interrupted => text.push_str(", was interrupted"),
        Progress::Failed(error) => {
            let _ = write!(text, ", failed: {error}");
        }
        Progress::Pending | Progress::Applied | Progress::Abandoned => {}
    }
    text
}

#[cfg(test)]
mod tests;
