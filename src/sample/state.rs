//! Which state of the database a snapshot's file is of.

use crate::migration::Migration;
use crate::text::{Source, Span};
use crate::version::Version;
use crate::visit::{NoState, unknown};

/// The first words of the line that says it.
const WORDS: &str = "-- snapshot:";

/// A state as a file has it, and where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// A version or the name of a migration, `.sql` or not.
    pub text: String,
    /// In the file; `None`: it is the file's name that says it.
    pub span: Option<Span>,
}

/// The state that a file is of: what one of its leading comments says,
/// `-- snapshot: 3.1.0`, else its name without `.sql`.
#[must_use]
pub fn stated(stem: &str, header: &Source) -> State {
    let mut start = header.start();
    for line in header.text().split_inclusive('\n') {
        let text = line.trim();
        if !text.is_empty() && !text.starts_with("--") {
            break;
        }
        if let Some(state) = text.strip_prefix(WORDS) {
            let state = state.trim();
            let at = start + line.rfind(state).filter(|_| !state.is_empty()).unwrap_or(0);
            return State {
                text: state.to_owned(),
                span: Some(Span::new(at, at + state.len())),
            };
        }
        start += line.len();
    }
    State {
        text: stem.to_owned(),
        span: None,
    }
}

/// The versions of a folder's migrations, and how many migrations each has.
pub fn versions(migrations: &[Migration]) -> impl Iterator<Item = (String, usize)> {
    migrations.iter().enumerate().filter_map(|(place, one)| {
        let version = one.schema_version?;
        Some((version.to_string(), place + 1))
    })
}

/// What the state after a migration is called: its version, else its name
/// without `.sql`.
#[must_use]
pub fn called(last: &Migration) -> String {
    let name = last.name.as_str();
    match last.schema_version {
        Some(version) => version.to_string(),
        None => name.strip_suffix(".sql").unwrap_or(name).to_owned(),
    }
}

/// How many of `migrations`, a folder's by name, a database in this state has:
/// all up to that with this name or version.
///
/// # Errors
/// There is none; what can be written.
pub fn files_of(state: &str, migrations: &[Migration]) -> Result<usize, NoState> {
    let is_meant = |one: &Migration| {
        let name = one.name.as_str();
        name == state || name.strip_suffix(".sql") == Some(state)
    };
    if let Some(place) = migrations.iter().position(is_meant) {
        return Ok(place + 1);
    }
    if let Ok(version) = Version::parse_short(state) {
        let brings = |one: &Migration| one.schema_version == Some(version);
        if let Some(place) = migrations.iter().position(brings) {
            return Ok(place + 1);
        }
    }
    Err(unknown(state, migrations, &[]))
}
