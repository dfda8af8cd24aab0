//! refinery: `V<version>__<name>.sql`; with `U` it may come out of order.
//! Folders below the folder count.

use super::convert::Role;
use super::key::numbered;
use super::{Key, Tool};

pub(super) const TOOL: Tool = Tool {
    name: "refinery",
    key: |name| {
        let bare = name.strip_prefix(['V', 'U']);
        let separators: &[&str] = if bare.is_some() {
            &["__"]
        } else {
            &["__", "-"]
        };
        let (version, _) = numbered(bare.unwrap_or(name), separators)?;
        Some(Key::Version(version))
    },
    version: |version| super::Version::parse(version).map(Key::Version),
    role: |path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let named = name.strip_prefix(['V', 'U']);
        match named.and_then(|name| numbered(name, &["__"])) {
            Some((version, title)) => Role::Migration(Key::Version(version), title.to_owned()),
            None => Role::Other,
        }
    },
};
