//! Fills a data directory: by `initdb` once per installation, then by copying.
//!
//! A template is `<cache>/postgres/<key>/` with `data/` and `complete`,
//! a line that counts what `data/` holds. It is put together under another
//! name and renamed, so a killed run leaves nothing that is used, and of two
//! at once the second one's is thrown away. A template that is not what
//! `complete` says (a crash of the machine, a cleaner) is made anew. The cache
//! saves time only: whatever fails in it, `initdb` runs instead.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::SUPERUSER;
use super::account::Account;
use super::folder::Folder;
use super::supervisor::{Failure, Request};

/// Locale C is on every machine, and makes servers on all of them alike.
const INITDB: [&str; 7] = [
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--no-instructions",
    "--no-sync",
    "--pgdata=.",
    "--username",
];

/// A template that is being put together is a leftover after this.
const UNFINISHED_MAX_AGE: Duration = Duration::from_mins(10);

/// Regular files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Content {
    files: u64,
    bytes: u64,
}

/// Makes a fresh database cluster in the folder's data directory.
pub(super) async fn fill(
    folder: &Folder,
    account: &Account,
    request: &Request,
) -> Result<(), Failure> {
    let cache = request.cache_dir().map(|cache| cache.join("postgres"));
    let Some(cache) = cache else {
        return initdb(folder, account, request).await;
    };
    let template = cache.join(key(request));
    if copy_template(&template, folder, account)? {
        return Ok(());
    }
    empty(&folder.data()).map_err(|error| Failure::io("empty", &folder.data(), &error))?;
    initdb(folder, account, request).await?;
    let _ = store(&folder.data(), &cache, &template);
    Ok(())
}

/// Names the installation: another place, version or build, or another way to
/// call `initdb`, is another template.
fn key(request: &Request) -> String {
    let postgres = request.bin().join("postgres");
    let postgres = postgres.canonicalize().unwrap_or(postgres);
    let mut hash = Sha256::new();
    hash.update(postgres.as_os_str().as_encoded_bytes());
    if let Ok(metadata) = postgres.metadata() {
        hash.update(metadata.size().to_be_bytes());
        hash.update(metadata.mtime().to_be_bytes());
    }
    hash.update(INITDB.join(" "));
    let hash = hash.finalize();
    let hash = hash.first_chunk().expect("SHA-256 has 32 bytes");
    format!("{}-{:016x}", request.version, u64::from_be_bytes(*hash))
}

async fn initdb(folder: &Folder, account: &Account, request: &Request) -> Result<(), Failure> {
    let program = request.bin().join("initdb");
    let mut command = account.command(&program, &folder.data());
    command.args(INITDB).arg(SUPERUSER).stdin(Stdio::null());
    let output = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| Failure::program(&program, account, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(Failure::Initdb {
        program: program.into(),
        status: output.status.to_string(),
        output: last_lines(&String::from_utf8_lossy(&text)),
    })
}

/// The end of a program's output, enough to see what went wrong.
pub(super) fn last_lines(text: &str) -> String {
    const LINES: usize = 10;
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Whether the data directory is now a whole copy of the template. A full disk
/// is an error: `initdb` would meet it again, and say it less clearly.
fn copy_template(template: &Path, folder: &Folder, account: &Account) -> Result<bool, Failure> {
    let Ok(complete) = fs::read_to_string(template.join("complete")) else {
        return Ok(false);
    };
    match copy(&template.join("data"), &folder.data(), account) {
        Ok(content) => Ok(content.line() == complete),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ) =>
        {
            Err(Failure::io("fill", &folder.data(), &error))
        }
        Err(_) => Ok(false),
    }
}

/// Keeps a fresh data directory as a template.
fn store(data: &Path, cache: &Path, template: &Path) -> io::Result<()> {
    let private = |path: &Path| DirBuilder::new().mode(0o700).recursive(true).create(path);
    private(cache)?;
    remove_unfinished(cache);
    let random: String = std::iter::repeat_with(fastrand::alphanumeric)
        .take(8)
        .collect();
    let unfinished = cache.join(format!("{UNFINISHED}{random}"));
    let stored = private(&unfinished.join("data"))
        .and_then(|()| copy(data, &unfinished.join("data"), &Account::Own))
        .and_then(|content| fs::write(unfinished.join("complete"), content.line()))
        .and_then(|()| {
            // One that is there was found damaged, or is another start's and
            // as good as ours.
            let damaged = cache.join(format!("{UNFINISHED}{random}-damaged"));
            if fs::rename(template, &damaged).is_ok() {
                let _ = fs::remove_dir_all(&damaged);
            }
            fs::rename(&unfinished, template)
        });
    if stored.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    stored
}

const UNFINISHED: &str = "unfinished-";

fn remove_unfinished(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else {
        return;
    };
    for entry in entries.flatten() {
        let is_old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|time| {
                SystemTime::now()
                    .duration_since(time)
                    .is_ok_and(|age| age > UNFINISHED_MAX_AGE)
            });
        if is_old && entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Copies what is in `from` into the folder `to` and gives it to `account`;
/// `fs::copy` shares the blocks where the file system can.
fn copy(from: &Path, to: &Path, account: &Account) -> io::Result<Content> {
    let mut content = Content::default();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            DirBuilder::new().mode(0o700).create(&target)?;
            let inner = copy(&entry.path(), &target, account)?;
            content.files += inner.files;
            content.bytes += inner.bytes;
        } else {
            content.bytes += fs::copy(entry.path(), &target)?;
            content.files += 1;
        }
        account.own(&target)?;
    }
    Ok(content)
}

/// Removes what is in a folder, not the folder, whose owner is set.
pub(super) fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Content {
    /// For example `968 files, 39845888 bytes`.
    fn line(self) -> String {
        format!("{} files, {} bytes\n", self.files, self.bytes)
    }
}

impl Request {
    fn cache_dir(&self) -> Option<PathBuf> {
        let cache = PathBuf::from(self.cache_dir.as_ref()?);
        cache.is_absolute().then_some(cache)
    }

    pub(super) fn bin(&self) -> &Path {
        Path::new(&self.bin)
    }
}
