//! Where the program's own log goes: standard error, for those who look for
//! the cause of something. What users have to know is an event instead.

use tracing_subscriber::EnvFilter;

use super::error::Error;
use super::global::{Global, LogFormat};

/// Listens to the log: warnings, with `--verbose` all of ours, or what
/// `SEGUE_LOG` says (`segue=trace`, as `tracing-subscriber` reads it).
///
/// # Errors
/// A `SEGUE_LOG` that cannot be understood.
pub(super) fn install(global: &Global) -> Result<(), Error> {
    let asked = std::env::var("SEGUE_LOG").unwrap_or_default();
    let filter = if !asked.is_empty() {
        asked.as_str()
    } else if global.log_format == LogFormat::Json || global.quiet {
        // Standard error is JSON, or for problems alone.
        "off"
    } else if global.verbose {
        "segue=debug"
    } else {
        "segue=warn"
    };
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Error::usage(format!("SEGUE_LOG cannot be understood: {error}")))?;
    // Only a second subscriber could make it fail, and there is none.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .try_init();
    Ok(())
}
