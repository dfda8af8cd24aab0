//! A plan in a line: what will be done, and why nothing is verified.

use crate::cli::report::line::Line;
use crate::cli::report::phrase::count;
use crate::plan::{Checks, Plan, Ready, Step};

/// Why nothing will be verified.
pub(super) fn unverified(plan: &Plan) -> Option<Line> {
    let why = match &plan.checks {
        Checks::NoExpectedSchema => "there is no expected schema; `segue write-schema` writes it",
        Checks::Ahead => "the database is ahead of this folder and of its expected schema",
        Checks::Diverged => "what the database has and this folder lacks is in no expected schema",
        Checks::Nothing | Checks::OtherMajors { .. } | Checks::Made { .. } => return None,
    };
    Some(Line::notable("Not verified", why))
}

/// `2 migrations in one transaction, then 1 concurrent migration`; `None` if
/// there is nothing to do.
pub(super) fn summary(plan: &Plan) -> Option<String> {
    let mut parts = Vec::new();
    let (mut blocks, mut in_blocks, mut standalone) = (0, 0, 0);
    for step in &plan.batch {
        match step {
            Step::Block(block) => {
                blocks += 1;
                in_blocks += block.migrations.len();
            }
            Step::Standalone(_) => standalone += 1,
            Step::Foreground { .. } | Step::WaitFor { .. } => {}
        }
    }
    match blocks {
        0 => {}
        1 => parts.push(format!(
            "{} in one transaction",
            count(in_blocks, "migration")
        )),
        blocks => parts.push(format!(
            "{} in {blocks} transactions",
            count(in_blocks, "migration")
        )),
    }
    if standalone > 0 {
        parts.push(format!(
            "{} outside a transaction",
            count(standalone, "migration")
        ));
    }
    if plan.batch.is_empty() && plan.ready == Ready::AfterBatch && !plan.tail.is_empty() {
        parts.push("nothing before ready".to_owned());
    }
    let batch = parts.join(" and ");
    let foreground = plan.not_ready_before().count();
    let mut text = batch;
    if foreground > 0 {
        let of_those = count(foreground, "concurrent migration");
        text = if text.is_empty() {
            format!("{of_those} before ready")
        } else {
            format!("{text}, {of_those} before ready")
        };
    }
    if !plan.tail.is_empty() {
        let tail = count(plan.tail.len(), "concurrent migration");
        text = if text.is_empty() {
            tail
        } else {
            format!("{text}, then {tail}")
        };
    }
    (!text.is_empty()).then_some(text)
}
