//! The schema as the last settled deployment left it.
//!
//! One row per project and major version: drift is told from the newest only,
//! and older ones would fill the database for nothing. The text is JSON without
//! spaces, which the server compresses.

use serde_json::{Value, json};

use super::Ledger;
use crate::postgres::{Error, Session, column, literal};
use crate::schema::{ObjectId, Snapshot};

/// The ledger's version that brought the table.
const SINCE: u32 = 2;

impl Ledger {
    /// The schema as the last settled deployment left it, and that deployment;
    /// `None` if none has kept it, or in a form that is not ours.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn snapshot(
        &self,
        session: &Session,
        major: u32,
    ) -> Result<Option<(i64, Snapshot)>, Error> {
        if self.version < Some(SINCE) {
            return Ok(None);
        }
        let sql = format!(
            "SELECT deployment, snapshot FROM segue.snapshot WHERE project = {} AND major = {major}",
            literal(&self.project),
        );
        let rows = self.read(session, &sql).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let deployment = column(row, 0)?;
        let text: String = column(row, 1)?;
        Ok(from_text(&text).map(|snapshot| (deployment, snapshot)))
    }

    /// Keeps the schema that `deployment` has left, unless a later one was
    /// quicker.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn keep_snapshot(
        &self,
        session: &Session,
        major: u32,
        deployment: i64,
        snapshot: &Snapshot,
    ) -> Result<(), Error> {
        if self.version < Some(SINCE) {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO segue.snapshot AS s (project, major, deployment, snapshot) VALUES ({}, {major}, {deployment}, {}) ON CONFLICT (project, major) DO UPDATE SET deployment = excluded.deployment, taken_at = excluded.taken_at, snapshot = excluded.snapshot WHERE s.deployment <= excluded.deployment",
            literal(&self.project),
            literal(&to_text(snapshot)),
        );
        self.transact(session, &[sql]).await?;
        Ok(())
    }
}

/// `[[namespace, kind, name, attributes], …]`
pub(super) fn to_text(snapshot: &Snapshot) -> String {
    let objects = snapshot.objects.iter().map(|(id, attributes)| {
        json!([id.namespace, id.kind.as_str(), id.name, attributes]).to_string()
    });
    format!("[{}]", objects.collect::<Vec<_>>().join(","))
}

pub(super) fn from_text(text: &str) -> Option<Snapshot> {
    let objects: Vec<(Option<String>, String, String, Value)> = serde_json::from_str(text).ok()?;
    let objects = objects
        .into_iter()
        .map(|(namespace, kind, name, attributes)| {
            let Value::Object(attributes) = attributes else {
                return None;
            };
            let kind = kind.parse().ok()?;
            let id = ObjectId {
                namespace,
                kind,
                name,
            };
            Some((id, attributes))
        });
    Some(Snapshot {
        objects: objects.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Kind;

    #[test]
    fn a_snapshot_survives_its_text() {
        let mut snapshot = Snapshot::default();
        for (namespace, kind) in [(None, Kind::Extension), (Some("a'\\b"), Kind::Table)] {
            let id = ObjectId {
                namespace: namespace.map(ToOwned::to_owned),
                kind,
                name: "é\"x".to_owned(),
            };
            let attributes = json!({"columns": {"id": {"type": "integer", "position": 1}}});
            let Value::Object(attributes) = attributes else {
                unreachable!()
            };
            snapshot.objects.insert(id, attributes);
        }
        assert_eq!(from_text(&to_text(&snapshot)), Some(snapshot));
        assert_eq!(from_text("[]"), Some(Snapshot::default()));
        assert_eq!(from_text("[[null, \"no-such-kind\", \"x\", {}]]"), None);
    }
}
