//! In which order PostgreSQL goes through the partitions of a table. No
//! function tells; the planner shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::postgres::{Error, Session, column, timeouts};
use crate::procedure::partitioned_index::Node;

/// OIDs of the leaves below `nodes[0]` by their bounds; none where the planner
/// cannot be asked: no right to read the table, or somebody locks it.
///
/// # Errors
/// As [`Session::execute`], if the session is lost.
pub async fn leaves(
    session: &Session,
    nodes: &[Node],
    lock_timeout: Duration,
) -> Result<Vec<u32>, Error> {
    let Some(root) = nodes.first() else {
        return Ok(Vec::new());
    };
    let names = names(session, nodes).await?;
    // A parallel plan begins with the largest.
    let sql = format!(
        "BEGIN READ ONLY;{};SET LOCAL max_parallel_workers_per_gather = 0;EXPLAIN (FORMAT JSON, VERBOSE, COSTS off) SELECT FROM {};COMMIT",
        timeouts::lock_timeout_local(lock_timeout),
        root.name
    );
    let rows = match session.query(&sql).await {
        Ok(rows) => rows,
        Err(Error::Server(error)) if !error.failure().is_connection_lost() => {
            session.execute("ROLLBACK").await?;
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let plan = rows.last().and_then(|row| row[0].as_deref());
    let plan = plan.and_then(|plan| serde_json::from_str::<Value>(plan).ok());
    let mut leaves = Vec::new();
    if let Some(plan) = plan {
        collect(&plan, &names, &mut leaves);
    }
    Ok(leaves)
}

async fn names(
    session: &Session,
    nodes: &[Node],
) -> Result<BTreeMap<(String, String), u32>, Error> {
    let oids: Vec<String> = nodes.iter().map(|node| node.oid.to_string()).collect();
    let sql = format!(
        "SELECT n.nspname, c.relname, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN ({})",
        oids.join(", ")
    );
    let rows = session.query(&sql).await?;
    let names = rows
        .iter()
        .map(|row| Ok(((column(row, 0)?, column(row, 1)?), column(row, 2)?)));
    names.collect()
}

/// The relations of a plan, in its order.
fn collect(plan: &Value, names: &BTreeMap<(String, String), u32>, leaves: &mut Vec<u32>) {
    match plan {
        Value::Array(plans) => plans.iter().for_each(|plan| collect(plan, names, leaves)),
        Value::Object(node) => {
            let text = |key: &str| node.get(key)?.as_str().map(ToOwned::to_owned);
            if let (Some(schema), Some(name)) = (text("Schema"), text("Relation Name")) {
                leaves.extend(names.get(&(schema, name)));
            }
            for key in ["Plan", "Plans"] {
                if let Some(below) = node.get(key) {
                    collect(below, names, leaves);
                }
            }
        }
        _ => {}
    }
}
