//! A [`Forecast`] as JSON, the part `forecast` of `docs/json/plan.schema.json`.

use serde_json::{Value, json};

use super::json::blocker;
use crate::apply::forecast::{Forecast, Likeness};
use crate::forecast::{Bytes, Danger, Held, Learnt, Part, PartKind, Table, TableName, Work};
use crate::migration::Name;

/// The forecast.
pub(crate) fn forecast(forecast: &Forecast) -> Value {
    let (copy, differs, reason) = match &forecast.likeness {
        Likeness::Same => ("same", &[][..], None),
        Likeness::Differs(objects) => ("differs", objects.as_slice(), None),
        Likeness::Unknown => ("unknown", &[][..], None),
        Likeness::Impossible(why) => ("none", &[][..], Some(why)),
    };
    let held = forecast.held.iter().map(|held| {
        json!({
            "table": name(&held.table),
            "mode": held.mode.as_str(),
            "granted": held.granted,
            "session": blocker(&held.session),
        })
    });
    let parts = forecast.parts.iter();
    let tables = forecast.tables.iter();
    json!({
        "live_version": forecast.live_version,
        "copy_version": forecast.copy_version,
        "copy": { "schema": copy, "differs": differs, "reason": reason },
        "parts": parts.map(|one| part(one, forecast)).collect::<Vec<_>>(),
        "elsewhere": forecast.elsewhere.iter().map(Name::as_str).collect::<Vec<_>>(),
        "tables": tables.map(|(name, one)| table(name, one)).collect::<Vec<_>>(),
        "held": held.collect::<Vec<_>>(),
        "snapshots": forecast.snapshots.iter().map(blocker).collect::<Vec<_>>(),
        "sees_all_sessions": forecast.sees_all,
        "keeps_wal": forecast.keeps_wal,
    })
}

fn name(table: &TableName) -> Value {
    json!({ "namespace": table.namespace, "name": table.name })
}

fn table(of: &TableName, table: &Table) -> Value {
    json!({
        "table": name(of),
        "rows": table.rows,
        "heap_bytes": table.heap_bytes,
        "toast_bytes": table.toast_bytes,
        "index_bytes": table.index_bytes,
        "reads_per_second": table.reads_per_second,
        "writes_per_second": table.writes_per_second,
    })
}

fn part(part: &Part, forecast: &Forecast) -> Value {
    let kind = match part.kind {
        PartKind::Transaction => "transaction",
        PartKind::Outside => "outside",
        PartKind::Tail => "tail",
    };
    let statements = part.statements.iter().enumerate().map(|(index, one)| {
        let locks = one
            .locks
            .iter()
            .map(|(table, mode)| json!({ "table": name(table), "mode": mode.as_str() }));
        let held = part.held(index, &forecast.tables);
        json!({
            "migration": one.migration.as_str(),
            "line": one.line,
            "statement": one.text,
            "learnt": match one.learnt {
                Learnt::ByRunning => "by-running",
                Learnt::ByTheManual => "by-the-manual",
            },
            "danger": match part.danger(index, &forecast.tables) {
                Danger::None => "none",
                Danger::Brief => "brief",
                Danger::Long => "long",
            },
            "locks": locks.collect::<Vec<_>>(),
            "locked_while_bytes": match held {
                Held::For(sum) => bytes(Some(sum)),
                Held::Unknown => Value::Null,
            },
            "work": one.work.iter().map(|one| work(one, forecast)).collect::<Vec<_>>(),
            "failed": one.failed,
        })
    });
    json!({
        "kind": kind,
        "statements": statements.collect::<Vec<_>>(),
        "left_out": part.left_out,
    })
}

fn bytes(bytes: Option<Bytes>) -> Value {
    bytes.map_or(Value::Null, |of| json!({ "low": of.low, "high": of.high }))
}

fn work(work: &Work, forecast: &Forecast) -> Value {
    let (kind, index) = match work {
        Work::Rewrites(_) => ("rewrite", None),
        Work::Scans(_) => ("scan", None),
        Work::Builds { index, .. } => ("build", Some(index)),
        Work::Changes(_) => ("change", None),
        Work::Writes(_) => ("write", None),
        Work::Empties(_) => ("empty", None),
        Work::Refreshes(_) => ("refresh", None),
    };
    let disk = forecast
        .tables
        .get(work.table())
        .and_then(|of| work.disk(of));
    json!({
        "work": kind,
        "table": name(work.table()),
        "index": index,
        "disk_bytes": bytes(disk),
        "wal_bytes": if forecast.keeps_wal { bytes(disk) } else { bytes(Some(Bytes::default())) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::{IndexShape, Statement};
    use crate::postgres::activity::Blocker;
    use crate::postgres::traffic::Held;
    use crate::statement::LockMode;

    /// Everything there is, against the schema that is published.
    #[test]
    fn a_forecast_is_as_its_schema_says() {
        let orders = TableName {
            namespace: "app".to_owned(),
            name: "orders".to_owned(),
        };
        let shape = IndexShape {
            method: "gin".to_owned(),
            unique: false,
            partial: false,
            columns: Vec::new(),
        };
        let works = [
            Work::Rewrites(orders.clone()),
            Work::Scans(orders.clone()),
            Work::Builds {
                index: "i".to_owned(),
                table: orders.clone(),
                shape,
            },
            Work::Changes(orders.clone()),
            Work::Writes(orders.clone()),
            Work::Empties(orders.clone()),
            Work::Refreshes(orders.clone()),
        ];
        let statement = Statement {
            migration: Name::new("1.sql"),
            line: 3,
            text: "VACUUM".to_owned(),
            learnt: Learnt::ByTheManual,
            locks: LockMode::ALL.map(|mode| (orders.clone(), mode)).into(),
            work: works.to_vec(),
            failed: Some("no".to_owned()),
        };
        let part = |kind| Part {
            kind,
            statements: vec![statement.clone()],
            left_out: 1,
        };
        let shown = forecast(&Forecast {
            live_version: "15.18".to_owned(),
            copy_version: "18.4".to_owned(),
            likeness: Likeness::Differs(vec!["table app.orders".to_owned()]),
            parts: [PartKind::Transaction, PartKind::Outside, PartKind::Tail]
                .map(part)
                .into(),
            elsewhere: vec![Name::new("0.sql")],
            tables: [(orders.clone(), Table::default())].into(),
            held: vec![Held {
                table: orders,
                mode: LockMode::AccessShare,
                granted: true,
                session: Blocker::default(),
            }],
            snapshots: vec![Blocker::default()],
            sees_all: false,
            keeps_wal: true,
        });
        crate::cli::report::schema::check_part("plan", "forecast", &shown);
    }
}
