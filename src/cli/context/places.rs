//! Folders beside those of migrations and the expected schema.

use std::path::{Path, PathBuf};

use super::{Context, variable};

impl Context {
    /// The folder from which paths in segue.toml count.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Folders for what can be made again, the first that can be used: what
    /// `SEGUE_CACHE_DIR` names, else `segue` in the user's folder for caches, or
    /// in the machine's for root, whose own nobody else may enter.
    #[must_use]
    pub fn caches(&self) -> Vec<PathBuf> {
        let variable = |name| variable(&self.environment.variables, name).map(PathBuf::from);
        if let Some(folder) = variable("SEGUE_CACHE_DIR") {
            return vec![std::path::absolute(&folder).unwrap_or(folder)];
        }
        let home = self.environment.home.as_ref();
        let own = variable("XDG_CACHE_HOME").or_else(|| Some(home?.join(".cache")));
        let machine = nix::unistd::geteuid()
            .is_root()
            .then(|| PathBuf::from("/var/cache"));
        let all = own.into_iter().chain(machine);
        all.map(|folder| folder.join("segue")).collect()
    }

    /// The folder for what is gone after a run.
    #[must_use]
    pub fn temp_dir(&self) -> PathBuf {
        let named = self.throwaway().temp_dir;
        named.unwrap_or_else(|| PathBuf::from("/tmp"))
    }
}
