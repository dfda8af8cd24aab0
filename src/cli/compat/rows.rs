//! The states that are tested: all that production passes through from the
//! oldest schema that supported code needs, or those that are asked for.

use super::CompatArgs;
use super::code::Code;
use super::runner::Row;
use crate::cli::at::find;
use crate::cli::error::Error;
use crate::compatibility::Rules;
use crate::version::Version;
use crate::visit::{States, Then, Visit};

/// The rows, in the order in which production passes through them.
///
/// # Errors
/// A state that is asked for and is none.
pub(super) fn rows(
    args: &CompatArgs,
    states: &States,
    rules: &Rules,
    codes: &[Code],
) -> Result<Vec<Row>, Error> {
    let visits = if args.state.is_empty() {
        let since = match &args.since {
            Some(text) => find(states, text)?.settled,
            None => since(states, rules, codes),
        };
        states.all(since, states.migrations().len())
    } else {
        let found = args.state.iter().map(|text| find(states, text));
        let mut visits = found.collect::<Result<Vec<_>, _>>()?;
        visits.sort_by_key(place);
        visits.dedup_by(|one, other| one.settled == other.settled && one.then == other.then);
        visits
    };
    let row = |visit: Visit| Row {
        name: visit.state.to_string(),
        version: states
            .applied(&visit)
            .filter_map(|one| one.schema_version)
            .max(),
        visit,
    };
    Ok(visits.into_iter().map(row).collect())
}

/// When production is in a state, beside others.
fn place(visit: &Visit) -> (usize, usize, usize) {
    match &visit.then {
        Then::Nothing => (visit.settled, 0, 0),
        Then::Ready(also) => (visit.settled, 1, also.first().copied().unwrap_or(0)),
        Then::Building(index) => (visit.settled, 2, *index),
        Then::Backfilling { percent, .. } => (visit.settled, 3, usize::from(percent.get())),
    }
}

/// How many migrations are settled in the first state: up to the one that
/// brings the oldest version that any supported code must work with. All
/// states count where none does.
fn since(states: &States, rules: &Rules, codes: &[Code]) -> usize {
    let supported = codes.iter().map(|code| code.version);
    let supported =
        supported.filter(|version| rules.oldest().is_none_or(|oldest| *version >= oldest));
    let apps: Vec<Version> = rules.oldest().into_iter().chain(supported).collect();
    let needed = |version: Version| apps.iter().any(|app| rules.needs(*app).contains(version));
    let brings = states
        .migrations()
        .iter()
        .position(|migration| migration.schema_version.is_some_and(needed));
    brings.map_or(0, |index| index + 1)
}
