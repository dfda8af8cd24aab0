//! Notices that a throwaway server has ended by itself.

use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::Pid;
use tokio::time::sleep;

use super::Throwaway;
use super::sweep::postmaster_pid;

/// Between two looks.
const POLL: Duration = Duration::from_millis(200);

/// A server to be watched; cheap to clone.
#[derive(Clone, Debug)]
pub struct Watch {
    data: PathBuf,
    log: PathBuf,
}

impl Throwaway {
    /// To notice its end, which comes by itself only if it fails or somebody
    /// kills it.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch {
            data: self.folder.join("data"),
            log: self.folder.join("log"),
        }
    }
}

impl Watch {
    /// Waits until the server has ended; the end of its log, for people. Not
    /// for one that is started again.
    pub async fn ended(&self) -> String {
        while self.is_running() {
            sleep(POLL).await;
        }
        let log = std::fs::read(&self.log).unwrap_or_default();
        super::template::last_lines(&String::from_utf8_lossy(&log))
    }

    /// Its file goes with it, unless it was killed; then its process is gone,
    /// since the supervisor has waited for it.
    fn is_running(&self) -> bool {
        let pid: Option<Pid> = postmaster_pid(&self.data);
        pid.is_some_and(|pid| nix::sys::signal::kill(pid, None) != Err(nix::errno::Errno::ESRCH))
    }
}
