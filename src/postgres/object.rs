//! What has a row of its own, and what that row says now.

use super::{Error, Session, literal};
use crate::procedure::object::{Class, Object};

/// The state of an object, as far as a statement can change it; `None` if it is
/// not there. Every role may see it.
///
/// # Errors
/// As [`Session::execute`].
pub async fn state(session: &Session, object: &Object) -> Result<Option<String>, Error> {
    let sql = match object.class {
        Class::Database => {
            "SELECT dattablespace::pg_catalog.text FROM pg_catalog.pg_database WHERE datname = :name"
        }
        Class::Tablespace => {
            "SELECT ''::pg_catalog.text FROM pg_catalog.pg_tablespace WHERE spcname = :name"
        }
        Class::Subscription => {
            "SELECT s.subpublications::pg_catalog.text FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE s.subname = :name AND d.datname = pg_catalog.current_database()"
        }
        Class::PreparedTransaction => {
            "SELECT transaction::pg_catalog.text FROM pg_catalog.pg_prepared_xacts WHERE gid = :name"
        }
    };
    session
        .value(&sql.replace(":name", &literal(&object.name)))
        .await
}
