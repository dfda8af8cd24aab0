//! One fresh database per test.

use std::sync::Mutex;

use super::secret;
use super::server::Server;
use super::session::TestSession;

/// A database of one test, dropped at its end, panic or not, together with
/// the roles made by [`TestDatabase::role`].
#[derive(Debug)]
pub struct TestDatabase<'a> {
    server: &'a Server,
    name: String,
    roles: Mutex<Vec<String>>,
}

impl TestDatabase<'static> {
    /// A fresh one on the shared server.
    pub fn new() -> Self {
        TestDatabase::on(Server::shared())
    }
}

impl<'a> TestDatabase<'a> {
    /// A fresh one on `server`.
    pub fn on(server: &'a Server) -> Self {
        let random = std::iter::repeat_with(|| fastrand::char('a'..='z')).take(10);
        let name = format!("test_{}", random.collect::<String>());
        TestSession::connect(&server.url("postgres")).run(&format!("CREATE DATABASE {name}"));
        Self {
            server,
            name,
            roles: Mutex::new(Vec::new()),
        }
    }

    /// Its name, random, a plain identifier.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn server(&self) -> &'a Server {
        self.server
    }

    /// Connection URL, as superuser.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Connection URL as another user.
    pub fn url_as(&self, role: &str) -> String {
        let url = self.url();
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let (_, place) = rest.split_once('@').expect("the URL names a user");
        format!("{scheme}://{role}@{place}")
    }

    /// Makes a role for this test, named after the database; `options` as in
    /// CREATE ROLE, for example `LOGIN`. Gives its name.
    pub fn role(&self, suffix: &str, options: &str) -> String {
        let role = format!("{}_{suffix}", self.name);
        self.run(&format!("CREATE ROLE {role} {options}"));
        self.roles.lock().expect("not poisoned").push(role.clone());
        role
    }

    /// A connection that stays open.
    pub fn session(&self) -> TestSession {
        TestSession::connect(&self.url())
    }

    /// A connection for asynchronous tests.
    pub async fn connect(&self) -> tokio_postgres::Client {
        let url = self.url();
        let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.unwrap_or_else(|error| panic!("{url}: {error}"));
        tokio::spawn(connection);
        client
    }

    /// Runs statements in one message on a connection of their own: several are
    /// one transaction, so run what refuses that by itself.
    #[track_caller]
    pub fn run(&self, sql: &str) {
        self.session().run(sql);
    }

    /// What `psql -At` prints: rows as lines, columns between `|`, NULL empty.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.session().query(sql)
    }
}

impl TestDatabase<'_> {
    /// Searches segue's own tables for the password; nothing if they are not
    /// there, or the server is not.
    fn assert_ledger_without_secret(&self) {
        let Ok(session) = TestSession::try_connect(&self.url()) else {
            return;
        };
        let tables = session.try_query(
            "SELECT pg_catalog.string_agg(pg_catalog.format(\
             'SELECT t::pg_catalog.text FROM segue.%I AS t', relname), ' UNION ALL ') \
             FROM pg_catalog.pg_class WHERE relkind = 'r' \
             AND relnamespace = pg_catalog.to_regnamespace('segue')",
        );
        if let Ok(tables) = tables
            && !tables.is_empty()
            && let Ok(rows) = session.try_query(&tables)
        {
            secret::assert_absent("the ledger", rows.as_bytes());
        }
    }
}

impl Drop for TestDatabase<'_> {
    #[expect(
        clippy::print_stderr,
        reason = "a panic while panicking would hide the first one"
    )]
    fn drop(&mut self) {
        let name = &self.name;
        if !std::thread::panicking() {
            self.assert_ledger_without_secret();
        }
        let dropped = (|| {
            // FORCE does not help against prepared transactions.
            let session = TestSession::try_connect(&self.url())?;
            let prepared = session.try_query(
                "SELECT pg_catalog.quote_literal(gid) FROM pg_catalog.pg_prepared_xacts \
                 WHERE database = pg_catalog.current_database()",
            )?;
            for gid in prepared.lines() {
                session.try_query(&format!("ROLLBACK PREPARED {gid}"))?;
            }
            // Nor against subscriptions.
            let subscriptions = session.try_query(
                "SELECT pg_catalog.quote_ident(s.subname) FROM pg_catalog.pg_subscription AS s \
                 JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid \
                 WHERE d.datname = pg_catalog.current_database()",
            )?;
            for name in subscriptions.lines() {
                session.try_query(&format!("ALTER SUBSCRIPTION {name} DISABLE"))?;
                session.try_query(&format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"))?;
                session.try_query(&format!("DROP SUBSCRIPTION {name}"))?;
            }
            drop(session);
            let session = TestSession::try_connect(&self.server.url("postgres"))?;
            session.try_query(&format!("DROP DATABASE {name} WITH (FORCE)"))?;
            for role in self.roles.lock().iter().flat_map(|roles| roles.iter()) {
                session.try_query(&format!("DROP ROLE {role}"))?;
            }
            Ok::<_, tokio_postgres::Error>(())
        })();
        if let Err(error) = dropped {
            // A test that already fails, or that stopped its server, has more
            // to say than this.
            eprintln!("database {name} was not dropped: {error:?}");
        }
    }
}
