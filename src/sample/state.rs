//! Which state of the database a snapshot's file is of.

use crate::migration::Migration;
use crate::migration::unknown::{NoState, unknown};
use crate::text::{Source, Span};
use crate::version::Version;

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

/// What the state after the migration at `place` is called: its version, else
/// its name without `.sql`, where that means it and nothing else.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn called(migrations: &[Migration], place: usize) -> String {
    let last = &migrations[place];
    let name = last.name.as_str();
    let version = last.schema_version.map(|version| version.to_string());
    let short = name.strip_suffix(".sql").map(str::to_owned);
    let mut names = version.into_iter().chain(short);
    names
        .find(|one| files_of(one, migrations) == Ok(place + 1))
        .unwrap_or_else(|| name.to_owned())
}

/// How many of `migrations`, a folder's by name, a database in this state has:
/// all up to that with this name or version. As [`crate::visit::States::find`]
/// has it: a whole name comes first, then a whole version, a name without
/// `.sql`, a short version.
///
/// # Errors
/// There is none; what can be written.
pub fn files_of(state: &str, migrations: &[Migration]) -> Result<usize, NoState> {
    let at_name = |name: &str| migrations.iter().position(|one| one.name.as_str() == name);
    let brings = |version: Version| {
        let mut all = migrations.iter();
        all.position(|one| one.schema_version == Some(version))
    };
    let place = at_name(state)
        .or_else(|| brings(Version::parse(state).ok()?))
        .or_else(|| at_name(&format!("{state}.sql")))
        .or_else(|| brings(Version::parse_short(state).ok()?));
    if let Some(place) = place {
        return Ok(place + 1);
    }
    Err(unknown(state, migrations, &[]))
}
