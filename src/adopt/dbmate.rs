//! dbmate: `<version>_<name>.sql` with `-- migrate:up` and `-- migrate:down`
//! in one file.

use super::convert::Role;
use super::key::numbered;
use super::{Key, Tool};

pub(super) const TOOL: Tool = Tool {
    name: "dbmate",
    key: |name| {
        let (version, _) = numbered(name, &["_", "-", ""])?;
        Some(Key::Version(version))
    },
    version: |version| super::Version::parse(version).map(Key::Version),
    role: |path| match numbered(path, &["_", "-", ""]) {
        Some((version, title)) if !path.contains('/') => {
            Role::Migration(Key::Version(version), title.to_owned())
        }
        _ => Role::Other,
    },
};
