//! The PostgreSQL server of a test run.
//!
//! `make test` starts one by `scripts/with-server` and names it in
//! `SEGUE_TEST_URL`; each test process then uses that one. Without it a test
//! process starts a throwaway server. `SEGUE_TEST_PG_BIN` chooses the binaries.

use std::path::PathBuf;
use std::sync::OnceLock;

use segue::postgres::throwaway::crash::Crash;
use segue::postgres::throwaway::{Options, Throwaway};
use tokio::runtime::Runtime;

/// A PostgreSQL server on which the tests may do what they want.
#[derive(Debug)]
pub struct Server {
    /// Connection URL of database `postgres`, as superuser.
    url: String,
    throwaway: Option<Throwaway>,
}

impl Server {
    /// The one that tests share: leave its settings and other databases alone,
    /// and name roles after the database ([`super::TestDatabase::role`]).
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| match std::env::var("SEGUE_TEST_URL") {
            Ok(url) => Self {
                url,
                throwaway: None,
            },
            Err(_) => Self::start(&[]),
        })
    }

    /// Major version of the shared one.
    pub fn shared_major() -> u32 {
        let version = super::TestSession::connect(&Self::shared().url("postgres"))
            .query("SHOW server_version_num");
        version.parse::<u32>().expect("a number") / 10_000
    }

    /// One for this test alone, with settings such as
    /// `("synchronous_standby_names", "nobody")`; stopped when dropped.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(options(), settings)
    }

    /// The same, started again whenever it has crashed.
    pub fn restarting() -> Self {
        let options = Options {
            restarts: true,
            ..options()
        };
        Self::start_with(options, &[])
    }

    /// Shuts one that restarts down at once, as a crash does, and waits until
    /// it is up again.
    pub fn crash(&self) {
        let throwaway = self.throwaway().expect("not the shared one");
        let crashed = runtime().block_on(throwaway.crash(Crash::Immediate));
        crashed.unwrap_or_else(|error| panic!("{error}"));
    }

    fn start_with(mut options: Options, settings: &[(&str, &str)]) -> Self {
        let own = [
            ("max_connections", "200"),
            ("max_prepared_transactions", "20"),
        ];
        for (name, value) in own.iter().chain(settings) {
            options
                .settings
                .insert((*name).to_owned(), (*value).to_owned());
        }
        let throwaway = Throwaway::start(&options).unwrap_or_else(|error| panic!("{error}"));
        Self {
            url: throwaway.url("postgres"),
            throwaway: Some(throwaway),
        }
    }

    /// Connection URL of a database on it, as superuser.
    pub fn url(&self, database: &str) -> String {
        let (base, query) = match self.url.split_once('?') {
            Some((base, query)) => (base, format!("?{query}")),
            None => (self.url.as_str(), String::new()),
        };
        let (server, _) = base.rsplit_once('/').expect("the URL names a database");
        format!("{server}/{database}{query}")
    }

    /// The throwaway server behind it, if this process started it.
    pub fn throwaway(&self) -> Option<&Throwaway> {
        self.throwaway.as_ref()
    }
}

/// Options of a throwaway server as the tests start them: the template is
/// cached below `target/`.
pub fn options() -> Options {
    Options {
        bins: std::env::var_os("SEGUE_TEST_PG_BIN")
            .map(PathBuf::from)
            .into_iter()
            .collect(),
        path: std::env::var_os("PATH"),
        cache_dir: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        program: Some(PathBuf::from(super::SEGUE)),
        ..Options::default()
    }
}

/// Runs the tests' own connections.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime")
    })
}
