//! What is told of a backfill.

use serde_json::{Value, json};

use super::json::milliseconds;
use super::line::Line;
use crate::apply::backfill::News;
use crate::migration::Name;

/// The line.
pub(super) fn told(name: &Name, news: &News) -> Line {
    let text = format!("`{name}`: {news}");
    match news {
        News::Began { .. } => Line::active("Backfill", text),
        News::SetAside { .. } => Line::notable("Set aside", text),
        News::Paused { .. } | News::Throttled { .. } => Line::notable("Waiting", text),
        News::GoesOn { .. } => Line::active("Going on", text),
        News::Unseen { .. } => Line::notable("Unseen", text),
        News::Impossible { .. } => Line::notable("Too slow", text),
    }
}

/// As an object of JSON.
pub(super) fn event(name: &Name, news: &News) -> Value {
    let mut value = match news {
        News::Began {
            table,
            key,
            rows,
            total,
            after,
            anew,
        } => json!({
            "table": table,
            "key": key,
            "rows": rows,
            "total": total,
            "after": after,
            "anew": anew,
        }),
        News::SetAside { key, error, tries } => json!({
            "key": key,
            "error": error,
            "tries": tries,
        }),
        News::Paused { by } => json!({ "by": by }),
        News::Throttled { signals, since } => json!({
            "signals": signals,
            "since_ms": milliseconds(*since),
        }),
        News::GoesOn { after } => json!({ "after_ms": milliseconds(*after) }),
        News::Unseen { what } => json!({ "what": what }),
        News::Impossible { why } => json!({ "why": why }),
    };
    value["event"] = json!(format!("backfill-{}", news.word()));
    value["migration"] = json!(name.as_str());
    value
}
