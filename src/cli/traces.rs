//! Events → OpenTelemetry traces, with the cargo feature `otel` and where the
//! environment names a collector; else nothing.
//!
//! Spans are made of events and not of the log: events know when a migration
//! of a pipelined batch ran, and what is told of them is free of secrets.

use std::collections::BTreeMap;

use crate::apply::Event;

#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod spans;

/// The traces of a run, or of each tail that a service runs.
pub(super) struct Traces {
    #[cfg(feature = "otel")]
    live: Option<(export::Exporter, spans::Spans)>,
}

/// Whose traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// One run: a trace from its beginning to its end.
    Run,
    /// A service: a trace for each tail.
    Service,
}

#[cfg(feature = "otel")]
impl Traces {
    /// Begins, if the environment says where traces go.
    pub(super) fn begin(
        environment: &BTreeMap<String, String>,
        project: &str,
        extent: Extent,
    ) -> Self {
        let live = export::Exporter::new(environment).map(|exporter| {
            let tracer = exporter.tracer();
            let parent = spans::parent(environment.get("TRACEPARENT"));
            let spans = spans::Spans::new(tracer, parent, project, extent);
            (exporter, spans)
        });
        Self { live }
    }

    /// Takes in an event.
    pub(super) fn heed(&mut self, event: &Event) {
        if let Some((_, spans)) = &mut self.live {
            spans.heed(event, std::time::SystemTime::now());
        }
    }

    /// Ends, well or with `error`, and sends what was not sent yet; a collector
    /// that does not answer holds it up for seconds only.
    pub(super) fn end(self, error: Option<&str>) {
        if let Some((exporter, spans)) = self.live {
            spans.end(error, std::time::SystemTime::now());
            exporter.end();
        }
    }
}

#[cfg(not(feature = "otel"))]
#[allow(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "as it is with the feature"
)]
impl Traces {
    /// Without the feature there are none.
    pub(super) fn begin(_: &BTreeMap<String, String>, _: &str, _: Extent) -> Self {
        Self {}
    }

    /// Takes in an event.
    pub(super) fn heed(&mut self, _: &Event) {}

    /// Ends.
    pub(super) fn end(self, _: Option<&str>) {}
}
