//! Where the program's own log goes: standard error, for those who look for
//! the cause of something. What users have to know is an event instead.

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::error::Error;
use super::global::{Global, LogFormat};
use crate::postgres;

mod json;

/// Listens to the log: warnings, with `--verbose` all of ours, or what
/// `SEGUE_LOG` says (`segue=trace`, as `tracing-subscriber` reads it). With
/// `--log-format json` a line is an object like those of events.
///
/// # Errors
/// A `SEGUE_LOG` that cannot be understood.
pub(super) fn install(global: &Global) -> Result<(), Error> {
    let asked = std::env::var("SEGUE_LOG").unwrap_or_default();
    let filter = if !asked.is_empty() {
        asked.as_str()
    } else if global.log_format == LogFormat::Json || global.quiet {
        // For programs that know the events, or for problems alone.
        "off"
    } else if global.verbose {
        "segue=debug"
    } else {
        "segue=warn"
    };
    let mut filter = EnvFilter::try_new(filter)
        .map_err(|error| Error::usage(format!("SEGUE_LOG cannot be understood: {error}")))?;
    if !asked.is_empty() {
        for library in postgres::TELLING {
            // Not even notices of the server, which are events in another form.
            let bound = LevelFilter::WARN;
            let directive = format!("{library}={bound}").parse();
            filter = filter.add_directive(directive.expect("a name and a level"));
        }
    }
    let registry = tracing_subscriber::registry();
    // Only a second subscriber could make it fail, and there is none.
    let _ = match global.log_format {
        LogFormat::Json => registry
            .with(json::Lines(json::write).with_filter(filter))
            .try_init(),
        LogFormat::Text => {
            let lines = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_target(false)
                .without_time();
            registry.with(lines.with_filter(filter)).try_init()
        }
    };
    Ok(())
}
