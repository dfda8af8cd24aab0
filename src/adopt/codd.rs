//! codd: a file's name is its identity; segue reads its files as they are.

use super::convert::Role;
use super::key::is_sql;
use super::{Key, Tool};

pub(super) const TOOL: Tool = Tool {
    name: "codd",
    key: |name| is_sql(name).then(|| Key::Name(name.to_owned())),
    version: |name| Some(Key::Name(name.to_owned())),
    role: |path| {
        if is_sql(path) && !path.contains('/') {
            Role::Plain(path.to_owned())
        } else {
            Role::Other
        }
    },
};
