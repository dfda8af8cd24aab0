//! The process that keeps one server, and what it says to the one that uses it.
//!
//! Request: one line of JSON on standard input, which then stays open as long
//! as the server is wanted. Reply: one line of JSON on standard output.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};

use super::account::Account;
use super::folder::{self, Folder};
use super::kept::{Kept, Served};
use super::postmaster::Postmaster;
use super::{Installation, Options, find, sweep, template};

/// The server that is wanted. Paths are `OsString`s, which serde keeps whole
/// where they are not UTF-8.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) bin: OsString,
    pub(super) version: String,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) temp_dir: Option<OsString>,
    pub(super) cache_dir: Option<OsString>,
    pub(super) restarts: bool,
    /// The folder of data that may outlive the server.
    pub(super) kept: Option<OsString>,
}

/// Said by who wants a server, on its way out or before: its data is fit to be
/// kept.
pub(super) const KEEP: &[u8] = b"keep\n";

impl Request {
    pub(super) fn new(installation: &Installation, options: &Options, kept: Option<&Kept>) -> Self {
        // The supervisor works in another folder than the user.
        let absolute = |path: &Path| std::path::absolute(path).ok().map(OsString::from);
        Self {
            bin: absolute(&installation.bin).unwrap_or_else(|| installation.bin.clone().into()),
            version: installation.version.clone(),
            settings: options.settings.clone(),
            temp_dir: options.temp_dir.as_deref().and_then(absolute),
            cache_dir: options.cache_dir.as_deref().and_then(absolute),
            restarts: options.restarts,
            kept: kept.and_then(|kept| absolute(kept.folder())),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Ready(Ready),
    Failed(Failure),
}

/// A server that accepts connections.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ready {
    pub(super) folder: OsString,
    /// Of the postmaster.
    pub(super) pid: u32,
    /// Whether it has the data that an earlier one has left.
    pub(super) is_resumed: bool,
}

/// Why a server could not be set up; it has come through a pipe, so causes are
/// text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// A file or folder, for example on a full disk.
    #[error("cannot {action} `{}`: {reason}", Path::new(path).display())]
    Io {
        /// For example `create the folder`.
        action: String,
        /// Which one.
        path: OsString,
        /// What the system says.
        reason: String,
    },
    /// Root runs segue, and there is nobody else.
    #[error(
        "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as"
    )]
    NoAccount,
    /// The user that stands in for root cannot run the binaries.
    #[error(
        "`{}` cannot be run as user `{user}`, as which the server runs since PostgreSQL refuses root: {reason}",
        Path::new(program).display()
    )]
    NotForUser {
        /// `initdb` or `postgres` with its path.
        program: OsString,
        /// The unprivileged user.
        user: String,
        /// What the system says.
        reason: String,
    },
    /// `initdb` failed.
    #[error("`{}` failed ({status}):\n{output}", Path::new(program).display())]
    Initdb {
        /// With its path.
        program: OsString,
        /// For example `exit status: 1`.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// The server ended or did not become ready.
    #[error("PostgreSQL {version} did not start ({what}); its log ends:\n{log}")]
    Postgres {
        /// For example `15.18`.
        version: String,
        /// For example `exit status: 1`.
        what: String,
        /// The end of its log.
        log: String,
    },
}

impl Failure {
    pub(super) fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        Self::Io {
            action: action.to_owned(),
            path: path.into(),
            reason: find::reason(error),
        }
    }

    /// A program that could not be run.
    pub(super) fn program(program: &Path, account: &Account, error: &io::Error) -> Self {
        match account {
            Account::Other { name, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                Self::NotForUser {
                    program: program.into(),
                    user: name.clone(),
                    reason: find::reason(error),
                }
            }
            _ => Self::io("run", program, error),
        }
    }
}

/// See [`super::supervise`].
pub(super) fn supervise() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime.and_then(|runtime| runtime.block_on(run())) {
        Ok(code) => code,
        Err(_) => ExitCode::from(2),
    }
}

/// Errors are those of standard input: nobody is there to be told.
async fn run() -> io::Result<ExitCode> {
    // A reader of its own descriptor, and not blocking: a thread that blocks in
    // a read would keep the process from ending.
    let pipe = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let mut pipe = BufReader::new(pipe);
    let mut line = String::new();
    pipe.read_line(&mut line).await?;
    let request: Request = serde_json::from_str(&line)?;
    let unwanted = unwanted(pipe)?.boxed_local().shared();

    let served = async {
        let account = Account::unprivileged()?;
        let bases = folder::bases(request.temp_dir.as_ref().map(Path::new), &account);
        sweep::sweep(&bases);
        let served = match &request.kept {
            Some(kept) => tokio::select! {
                served = Served::begin(Path::new(kept)) => Some(served?),
                _ = unwanted.clone() => return Ok(()),
            },
            None => None,
        };
        let data = served.as_ref().map(Served::data);
        let folder = Folder::create(&bases[0], &account, data.as_deref())?;
        let is_resumed = served.as_ref().is_some_and(Served::was_sound);
        if !is_resumed {
            tokio::select! {
                filled = template::fill(&folder, &account, &request) => filled?,
                _ = unwanted.clone() => return Ok(()),
            }
        }
        let mut postmaster = Postmaster::start(&folder, &account, &request)?;
        let ready = tokio::select! {
            ready = postmaster.ready(&folder, &request) => ready,
            _ = unwanted.clone() => Ok(()),
        };
        if ready.is_ok() {
            reply(&Reply::Ready(Ready {
                folder: folder.path().into(),
                pid: postmaster.pid(),
                is_resumed,
            }));
            loop {
                tokio::select! {
                    _ = postmaster.ended() => {}
                    _ = unwanted.clone() => break,
                }
                let again = async {
                    if request.restarts {
                        Postmaster::start_again(&folder, &account, &request).await
                    } else {
                        None
                    }
                };
                let again = tokio::select! {
                    again = again => again,
                    _ = unwanted.clone() => break,
                };
                let Some(again) = again else {
                    // The log is left to be read while its user is there.
                    unwanted.clone().await;
                    break;
                };
                postmaster = again;
            }
        }
        let Some(served) = served else {
            postmaster.stop().await;
            return ready;
        };
        let is_sound = postmaster.stop_well().await;
        drop(folder);
        let is_kept = ready.is_ok() && unwanted.clone().now_or_never().unwrap_or(false);
        if is_sound && is_kept {
            // Nobody is there to be told; it is made anew then.
            let _ = served.keep();
        }
        ready
    };
    let served: Result<(), Failure> = served.await;
    match served {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(failure) => {
            reply(&Reply::Failed(failure));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Ends when the server is no longer wanted: the pipe closes, or somebody
/// tells this process to end. Whether its data is to be kept.
fn unwanted(mut pipe: BufReader<pipe::Receiver>) -> io::Result<impl Future<Output = bool>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        let mut rest = Vec::new();
        tokio::select! {
            _ = pipe.read_to_end(&mut rest) => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        rest.starts_with(KEEP)
    })
}

/// A reply that cannot be delivered has no reader, whose pipe then is closed
/// as well.
fn reply(reply: &Reply) {
    let mut line = serde_json::to_vec(reply).expect("strings, numbers and bytes are JSON");
    line.push(b'\n');
    let mut stdout = io::stdout();
    let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
}
