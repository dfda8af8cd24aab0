//! sqlx: `<version>_<description>.sql`, or two files, `.up.sql` and
//! `.down.sql`. A first line `-- no-transaction` is its `no-txn`.

use super::convert::{Role, up_or_down};
use super::key::numbered;
use super::{Key, Tool};

pub(super) const TOOL: Tool = Tool {
    name: "sqlx",
    key: |name| {
        let (version, _) = numbered(name, &["_", "-"])?;
        (!name.ends_with(".down.sql")).then_some(Key::Version(version))
    },
    version: |version| super::Version::parse(version).map(Key::Version),
    role: |path| {
        if path.contains('/') {
            Role::Other
        } else {
            up_or_down(path, &["_"])
        }
    },
};

/// Whether the file is to run outside a transaction.
pub(super) fn is_autocommit(text: &str) -> bool {
    text.starts_with("-- no-transaction")
}
