//! The log as JSON: a line is an event `log` of `docs/json/event.schema.json`.

use std::fmt::Debug;
use std::io::Write as _;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::cli::report::stamped;

/// Hands each entry of the log to a function.
pub(super) struct Lines<F>(pub F);

/// Writes an entry to standard error.
pub(super) fn write(entry: &Value) {
    // Nobody reads it: no reason to stop a migration.
    let _ = writeln!(std::io::stderr(), "{entry}");
}

/// Fields of a span or an entry, with their types.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        // What the bridge from `log` adds is in the target already.
        if !field.name().starts_with("log.") {
            self.0.insert(field.name().to_owned(), value);
        }
    }
}

impl<S, F> Layer<S> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    F: Fn(&Value) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or(Value::Null);
        let mut target = event.metadata().target().to_owned();
        // Of what comes over the bridge from `log`, the target is a field.
        if target == "log" {
            let mut bridged = Target::default();
            event.record(&mut bridged);
            target = bridged.0.unwrap_or(target);
        }
        let spans: Vec<Value> = context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
            .map(|span| {
                let extensions = span.extensions();
                let fields = extensions.get::<Fields>();
                let mut fields = fields.map(|fields| fields.0.clone()).unwrap_or_default();
                fields.insert("name".to_owned(), span.name().into());
                Value::Object(fields)
            })
            .collect();
        let entry = stamped(json!({
            "event": "log",
            "level": event.metadata().level().as_str().to_ascii_lowercase(),
            "target": target,
            "message": message,
            "fields": fields.0,
            "spans": spans,
        }));
        (self.0)(&entry);
    }
}

/// Where an entry of the `log` crate came from.
#[derive(Default)]
struct Target(Option<String>);

impl Visit for Target {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "log.target" {
            self.0 = Some(value.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::cli::report::schema;

    #[test]
    fn an_entry_follows_the_schema_of_events() {
        let entries = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&entries);
        let lines = Lines(move |entry: &Value| kept.lock().expect("no panic").push(entry.clone()));
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let deployment = tracing::field::Empty;
            let span = tracing::error_span!("run", project = "main", deployment);
            span.record("deployment", 42_i64);
            let _run = span.enter();
            let _statement = tracing::error_span!("statement", number = 2_usize).entered();
            tracing::warn!(migration = %"1.sql", pid = 7, "it is slow");
        });
        let mut entries = entries.lock().expect("no panic");
        let entry = entries.first_mut().expect("one entry");
        schema::check("event", entry);
        entry.as_object_mut().expect("an object").remove("at");
        assert_eq!(
            *entry,
            json!({
                "version": 1,
                "event": "log",
                "level": "warn",
                "target": "segue::cli::log::json::tests",
                "message": "it is slow",
                "fields": {"migration": "1.sql", "pid": 7},
                "spans": [
                    {"name": "run", "project": "main", "deployment": 42},
                    {"name": "statement", "number": 2},
                ],
            })
        );
    }
}
