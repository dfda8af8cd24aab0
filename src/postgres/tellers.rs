//! Sessions of a database, and the version of the code that each tells.

use super::{Error, Session, column};
use crate::gate::Teller;
use crate::history::LockKey;
use crate::version::Version;

/// All client sessions of this database but our own kind, by pid.
///
/// What `segue.require` has taken as advisory locks every role may read; so it
/// may pid, user and `application_name` of others' sessions. On a standby these
/// are the standby's own.
///
/// # Errors
/// As [`Session::execute`].
pub async fn tellers(session: &Session, project: &str) -> Result<Vec<Teller>, Error> {
    let [major, minor, patch] = LockKey::app_classes(project);
    let sql = include_str!("tellers.sql")
        .replace(":major", &major.to_string())
        .replace(":minor", &minor.to_string())
        .replace(":patch", &patch.to_string());
    let rows = session.query(&sql).await?;
    let teller = |row: &super::TextRow| -> Result<Teller, Error> {
        let number = |index: usize| row[index].as_deref()?.parse().ok();
        let told = match (number(3), number(4), number(5)) {
            (Some(major), Some(minor), Some(patch)) => Some(Version::new(major, minor, patch)),
            _ => None,
        };
        Ok(Teller {
            pid: column(row, 0)?,
            user: row[1].clone(),
            application: row[2].clone(),
            told,
        })
    };
    rows.iter().map(teller).collect()
}
