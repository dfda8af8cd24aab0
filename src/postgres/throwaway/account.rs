//! The user that a server runs as: PostgreSQL refuses root.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::unistd::{User, geteuid};

use super::supervisor::Failure;

/// What would send the server or `initdb` elsewhere, or make one machine's
/// server differ from another's.
const UNWANTED_VARIABLES: [&str; 19] = [
    "LANG",
    "LANGUAGE",
    "PGAPPNAME",
    "PGCLIENTENCODING",
    "PGDATA",
    "PGDATABASE",
    "PGDATESTYLE",
    "PGHOST",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPASSFILE",
    "PGPASSWORD",
    "PGPORT",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLMODE",
    "PGTZ",
    "PGUSER",
    "PG_COLOR",
];

/// Whom the server's processes and files belong to.
#[derive(Clone, Debug)]
pub(super) enum Account {
    /// Whoever runs segue.
    Own,
    /// An unprivileged user, since root runs segue.
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// As root `postgres` if there is one, else `nobody`.
    pub(super) fn unprivileged() -> Result<Self, Failure> {
        if !geteuid().is_root() {
            return Ok(Self::Own);
        }
        for name in ["postgres", "nobody"] {
            if let Ok(Some(user)) = User::from_name(name)
                && !user.uid.is_root()
            {
                return Ok(Self::Other {
                    name: user.name,
                    uid: user.uid.as_raw(),
                    gid: user.gid.as_raw(),
                });
            }
        }
        Err(Failure::NoAccount)
    }

    /// A program of the server's, run as this user in `folder`, in plain
    /// surroundings.
    pub(super) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .env("HOME", folder)
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        for variable in UNWANTED_VARIABLES {
            command.env_remove(variable);
        }
        if let Self::Other { uid, gid, .. } = self {
            // The standard library drops root's other groups with the uid.
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Gives a file or folder to this user.
    pub(super) fn own(&self, path: &Path) -> std::io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => std::os::unix::fs::chown(path, Some(*uid), Some(*gid)),
        }
    }

    /// Whether this user gets through to `folder`, by the mode of each folder
    /// on the way; access lists are not looked at.
    pub(super) fn reaches(&self, folder: &Path) -> bool {
        let Self::Other { uid, gid, .. } = self else {
            return true;
        };
        let Ok(folder) = folder.canonicalize() else {
            return false;
        };
        folder.ancestors().all(|ancestor| {
            ancestor.metadata().is_ok_and(|metadata| {
                let execute = if metadata.uid() == *uid {
                    0o100
                } else if metadata.gid() == *gid {
                    0o010
                } else {
                    0o001
                };
                metadata.mode() & execute != 0
            })
        })
    }
}
