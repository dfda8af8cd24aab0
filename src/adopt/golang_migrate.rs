//! golang-migrate: `<version>_<title>.up.sql` and `.down.sql`. Its ledger has
//! one row: the last version.

use super::convert::{Role, up_or_down};
use super::key::numbered;
use super::{Key, Tool};

pub(super) const TOOL: Tool = Tool {
    name: "golang-migrate",
    key: |name| {
        let (version, _) = numbered(name, &["_", "-"])?;
        (!name.ends_with(".down.sql")).then_some(Key::Version(version))
    },
    version: |version| super::Version::parse(version).map(Key::Version),
    role: |path| {
        if path.contains('/') || !is_marked(path) {
            Role::Other
        } else {
            up_or_down(path, &["_"])
        }
    },
};

/// Files without a direction are passed over.
fn is_marked(path: &str) -> bool {
    path.ends_with(".up.sql") || path.ends_with(".down.sql")
}
