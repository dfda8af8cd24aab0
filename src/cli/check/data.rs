//! Snapshots of data and files of checks, read for `segue check`.

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::diagnostic::Diagnostic;
use crate::files;
use crate::migration::Migration;
use crate::rehearsal::upgrade::{self, Check, Sample};
use crate::sample;

/// What there is.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub samples: Vec<Sample>,
    pub checks: Vec<Check>,
    /// Versions, and how many migrations each has.
    pub versions: Vec<(String, usize)>,
}

/// Reads both; what is wrong with one of the files is added to `invalid`.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn read(
    context: &Context,
    migrations: &[Migration],
    invalid: &mut Vec<Diagnostic>,
) -> Result<Data, Error> {
    let mut data = Data {
        versions: sample::versions(migrations).collect(),
        ..Data::default()
    };
    for migration in migrations {
        let Some(path) = &migration.check else {
            continue;
        };
        let read = files::script(path)?;
        match read.and_then(|script| upgrade::check(script, &migration.name, migrations)) {
            Ok(check) => data.checks.push(check),
            Err(diagnostic) => invalid.push(*diagnostic),
        }
    }
    for path in files::samples::list(&context.snapshots())? {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let read = files::script(&path)?;
        match read.and_then(|script| upgrade::sample(script, &stem, migrations)) {
            Ok(sample) => data.samples.push(sample),
            Err(diagnostic) => invalid.push(*diagnostic),
        }
    }
    Ok(data)
}
