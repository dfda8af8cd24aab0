//! The library's own session, for tests below the command line.

use std::collections::BTreeMap;
use std::time::Duration;

use segue::postgres::target::Environment;
use segue::postgres::{Error, Session, Target};
use tokio::runtime::Runtime;

/// Where `url` leads, whatever surrounds the test.
pub fn target(url: &str) -> Target {
    let environment = Environment::new(BTreeMap::new(), None);
    Target::resolve(Some(url), &environment).expect("a URL")
}

/// A session of the library's, used from ordinary functions.
#[derive(Debug)]
pub struct LibrarySession {
    session: Session,
    runtime: Runtime,
}

impl LibrarySession {
    /// Connects.
    pub fn connect(url: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let target = target(url);
        let connecting = Session::connect(&target, Duration::from_secs(5));
        Self {
            session: runtime.block_on(connecting).expect("a session"),
            runtime,
        }
    }

    /// What `work` gives.
    pub fn run<T>(&self, work: impl AsyncFnOnce(&Session) -> Result<T, Error>) -> T {
        let done = self.runtime.block_on(work(&self.session));
        done.expect("the server's answer")
    }
}
