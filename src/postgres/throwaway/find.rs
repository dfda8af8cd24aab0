//! Finds the PostgreSQL servers that are installed here.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Error, Options};

/// The oldest major version that segue runs on.
pub const MAJOR_MIN: u32 = 14;

/// Where packages put server binaries: a folder, a name's beginning in it, and
/// what follows. `/usr/lib/postgresql/15/bin` is Debian's, `/usr/pgsql-15/bin`
/// the PGDG's for Red Hat.
const USUAL: [(&str, &str, &str); 9] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/usr/local", "pgsql", "bin"),
];

/// Server binaries of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Folder that holds `initdb` and `postgres`.
    pub bin: PathBuf,
    /// For example `15.18` or `19beta1`.
    pub version: String,
    /// For example 15.
    pub major: u32,
}

/// Every installed server, newest first; a folder reached in two ways, through
/// a symbolic link for example, is named once. With `options.bins` those alone.
#[must_use]
pub fn find_servers(options: &Options) -> Vec<Installation> {
    look(options).0
}

/// The server to start.
pub(super) fn choose(options: &Options) -> Result<Installation, Error> {
    // Who names a folder is told why it does not do, even if another one does.
    for bin in &options.bins {
        Installation::read(bin).map_err(|reason| Error::WrongBin {
            bin: bin.clone(),
            reason,
        })?;
    }
    let (found, looked) = look(options);
    if found.is_empty() {
        return Err(Error::NoServer { looked });
    }
    newest_of(found, options.major)
}

fn newest_of(found: Vec<Installation>, major: Option<u32>) -> Result<Installation, Error> {
    let fits = |installation: &&Installation| match major {
        Some(major) => installation.major == major,
        None => installation.major >= MAJOR_MIN,
    };
    match found.iter().find(fits) {
        Some(installation) => Ok(installation.clone()),
        None => Err(Error::NoMajor {
            wanted: major.map_or(format!("{MAJOR_MIN} or newer"), |major| major.to_string()),
            found,
        }),
    }
}

/// The servers, newest first, and the folders that were looked at.
fn look(options: &Options) -> (Vec<Installation>, Vec<PathBuf>) {
    let mut looked = candidates(options);
    let mut seen = BTreeSet::new();
    looked.retain(|bin| seen.insert(bin.canonicalize().unwrap_or_else(|_| bin.clone())));
    let mut found: Vec<_> = looked
        .iter()
        .filter_map(|bin| Installation::read(bin).ok())
        .collect();
    // Stable: of two equal versions the one found first, in PATH, comes first.
    found.sort_by_key(|installation| std::cmp::Reverse(release(&installation.version)));
    (found, looked)
}

fn candidates(options: &Options) -> Vec<PathBuf> {
    if !options.bins.is_empty() {
        return options.bins.clone();
    }
    let mut candidates = Vec::new();
    if let Some(path) = &options.path {
        // An empty or relative entry would mean another folder for each
        // working directory.
        let absolute = std::env::split_paths(path).filter(|folder| folder.is_absolute());
        for folder in absolute {
            candidates.extend(bindir(&folder.join("pg_config")));
            // A link to the server lies apart from what belongs to it.
            let postgres = folder.join("postgres").canonicalize();
            let linked = postgres
                .ok()
                .and_then(|path| Some(path.parent()?.to_owned()));
            candidates.push(linked.unwrap_or(folder));
        }
    }
    for (parent, beginning, rest) in USUAL {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names.retain(|name| name.to_string_lossy().starts_with(beginning));
        let folders = names
            .iter()
            .map(|name| Path::new(parent).join(name).join(rest));
        candidates.extend(folders.filter(|folder| folder.is_dir()));
    }
    candidates
}

/// What `pg_config --bindir` says, if there is such a program.
fn bindir(pg_config: &Path) -> Option<PathBuf> {
    if !pg_config.is_file() {
        return None;
    }
    let output = Command::new(pg_config)
        .arg("--bindir")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let bindir = String::from_utf8(output.stdout).ok()?;
    let bindir = PathBuf::from(bindir.trim_end());
    bindir.is_absolute().then_some(bindir)
}

impl Installation {
    /// Asks the server in `bin` for its version, or says why there is none.
    fn read(bin: &Path) -> Result<Self, String> {
        if let Err(error) = fs::metadata(bin) {
            return Err(reason(&error));
        }
        for name in ["initdb", "postgres"] {
            if let Err(error) = fs::metadata(bin.join(name)) {
                return Err(match error.kind() {
                    io::ErrorKind::NotFound => format!("it has no `{name}`"),
                    _ => reason(&error),
                });
            }
        }
        let output = Command::new(bin.join("postgres"))
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("`postgres --version`: {}", reason(&error)))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split(' ').nth(2).unwrap_or_default().trim();
        let Some((major, _)) = release(version) else {
            let complaint = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "`postgres --version` says `{}`",
                format!("{text}{complaint}").trim()
            ));
        };
        Ok(Self {
            bin: bin.to_owned(),
            version: version.to_owned(),
            major,
        })
    }
}

/// What the system says, without Rust's `(os error 2)`.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Major version and what orders releases within it: `devel` before `beta2`
/// before `rc1` before `.0` before `.18`. `None` if it is no version.
fn release(version: &str) -> Option<(u32, (u8, u32))> {
    let digits = version.find(|character: char| !character.is_ascii_digit());
    let (major, rest) = version.split_at(digits.unwrap_or(version.len()));
    let stages = [("devel", 0), ("alpha", 1), ("beta", 2), ("rc", 3), (".", 4)];
    let within = stages
        .iter()
        .find_map(|(stage, rank)| Some((*rank, rest.strip_prefix(stage)?.parse().unwrap_or(0))));
    Some((major.parse().ok()?, within.unwrap_or((0, 0))))
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn releases_are_in_order() {
        let versions = [
            "9.6.24", "14.23", "15.2", "15.18", "18devel", "18beta1", "18beta2", "18rc1", "18.0",
            "18.4",
        ];
        assert!(versions.is_sorted_by(|a, b| release(a) < release(b)));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        assert_eq!(release(""), None);
        assert_eq!(release("unknown"), None);
        assert_eq!(release("99999999999.1"), None);
    }
}
