//! What follows from a new migration: lines in its header, its place in the
//! folder, the expected schema.

use std::collections::BTreeSet;

use super::{AddError, Added, Newcomer, Observed, Part};
use crate::apply::up::reach;
use crate::apply::{Run, Verification};
use crate::directive::end_in_header;
use crate::ending::{self, Ending};
use crate::files::{self, expected};
use crate::migration::{Kind, Migration, Name};
use crate::postgres::ledger::Ledger;
use crate::schema::{Diff, Snapshot};

/// Writes what `observed`, one per major version, has shown. `lasting` is the
/// run on the database that stays, where the migration is applied by now.
///
/// # Errors
/// [`AddError`]; without `lasting` everything is as before, with it
/// [`AddError::Applied`] says what stands.
pub async fn finish(
    mut newcomer: Newcomer,
    observed: &[Observed],
    verification: &Verification,
    lasting: Option<&Run>,
) -> Result<Added, AddError> {
    let name = newcomer.name().clone();
    let headed = head(&mut newcomer, observed, lasting).await;
    let stale = stale(&newcomer, observed, verification);
    let (endings, headed) = match headed {
        Ok(endings) => (endings, Ok(())),
        Err(error) if lasting.is_none() => return Err(error),
        Err(error) => (Vec::new(), Err(error)),
    };
    let written = write(observed, verification);
    let stale = match (&written, stale) {
        (Ok(_), Ok(stale)) => stale,
        (Err(_), _) | (_, Err(_)) if lasting.is_some() => BTreeSet::new(),
        (Ok(_), Err(error)) => {
            restore(observed, verification);
            return Err(error);
        }
        (Err(_), _) => return Err(written.err().map_or_else(unreachable, |error| error)),
    };
    let diffs = match newcomer.migration.kind {
        Kind::Concurrent => observed.iter().map(|one| one.major).collect(),
        Kind::Batch | Kind::Standalone => Vec::new(),
    };
    let path = newcomer.place().to_owned();
    let original = newcomer.put();
    todo!()
}
