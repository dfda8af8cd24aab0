//! An application whose next release needs a new column, and an index on it
//! later.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use segue::postgres::throwaway::{Options, find_servers};

use crate::support::{Project, Run, SEGUE, TestDatabase};

/// Its database with the last release applied, and a folder with the next one.
pub struct Shop {
    pub database: TestDatabase<'static>,
    pub project: Project,
}

const INDEX: &str = "\
-- segue: begin-concurrent-migration-with: 2-state.sql
CREATE INDEX CONCURRENTLY orders_state ON orders (state);
";

/// The new code: it reads the new column, and says whether the index was there.
const CODE: &str = r#"#!/bin/sh
name=$(basename "$0")
psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$SHOP_URL" >>"$SHOP_LOG" 2>&1 <<SQL
SELECT count(state) AS orders FROM orders \gset
SELECT '$name $*: ' || :orders || ' orders, index ' || CASE
  WHEN EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('orders_state') AND indisvalid)
  THEN 'valid' ELSE 'not valid' END;
SQL
"#;

impl Shop {
    pub fn new() -> Self {
        let database = TestDatabase::new();
        let mut project = Project::on(&database);
        let bin = project.path().join("bin");
        fs::create_dir(&bin).expect("a folder");
        symlink(SEGUE, bin.join("segue")).expect("a link");
        project.env("PATH", format!("{}:{}", bin.display(), path()));
        project.env("SHOP_URL", database.url());
        project.env("SHOP_LOG", project.path().join("log"));
        if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
            project.env("SEGUE_PG_BIN", bin);
        }
        project.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
        project.file(
            "1-orders.sql",
            "CREATE TABLE orders (id int PRIMARY KEY);\n",
        );
        project.segue(&["up"]).expect_success();
        database.run("INSERT INTO orders SELECT generate_series(1, 3)");
        project.file(
            "2-state.sql",
            "ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'new';\n",
        );
        project.file("3-index.sql", INDEX);
        let shop = Self { database, project };
        shop.program("bin/shop", CODE);
        shop.program("deploy", CODE);
        shop
    }

    /// The same, and the release's batch fails half-way on the data that is
    /// there, so that a check on an empty database finds nothing.
    pub fn failing() -> Self {
        let shop = Self::new();
        let text = shop.project.read("migrations/2-state.sql");
        shop.project.file(
            "2-state.sql",
            &format!("{text}INSERT INTO orders VALUES (3, 'paid');\n"),
        );
        shop
    }

    /// Connection URL of a role that may read the ledger and nothing else.
    pub fn reader(&self) -> String {
        let role = self.database.role("reader", "LOGIN");
        self.project
            .segue(&["init", "--readers", &role])
            .expect_success();
        self.database.url_as(&role)
    }

    /// Writes a program below the folder.
    pub fn program(&self, name: &str, text: &str) -> PathBuf {
        self.project.write(name, text);
        let path = self.project.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our file");
        path
    }

    /// A program in the folder and environment of the project.
    pub fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let template = self.project.command(&[]);
        let mut command = Command::new(program.as_ref());
        let set = template.get_envs();
        command
            .args(arguments)
            .env_clear()
            .envs(set.filter_map(|(name, value)| Some((name, value?))))
            .current_dir(self.project.path())
            .stdin(std::process::Stdio::null());
        command
    }

    /// A piece of shell, as a runner gives it to bash. It knows the database by
    /// what the runner sets.
    pub fn bash(&self, script: &str, environment: &[(String, String)]) -> Run {
        let arguments = ["--noprofile", "--norc", "-euo", "pipefail", "-c", script];
        let mut command = self.command("bash", &arguments);
        command.env_remove("DATABASE_URL");
        command.envs(environment.iter().cloned());
        self.project.output_of(&mut command)
    }

    /// What the new code has done, a line each.
    pub fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.project.path().join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// How things stand in the database: migrations applied, and whether the
    /// index is valid.
    pub fn stands(&self) -> String {
        self.database.query(
            "SELECT string_agg(file, ' ' ORDER BY file), EXISTS (
               SELECT FROM pg_index WHERE indexrelid = to_regclass('orders_state') AND indisvalid)
               FROM segue.migration WHERE state = 'applied'",
        )
    }
}

/// Where programs are found: also those beside the servers that are installed,
/// psql with Homebrew's, and Debian's for root, HAProxy among them.
pub fn path() -> String {
    let mut path = std::env::var("PATH").unwrap_or_default();
    for server in find_servers(&Options::default()) {
        path.push(':');
        path.push_str(&server.bin.display().to_string());
    }
    path + ":/usr/sbin"
}

/// [`Shop::stands`] when a release was deployed as it should be.
pub const SETTLED: &str = "1-orders.sql 2-state.sql 3-index.sql|t";

/// The same when it failed: nothing has changed.
pub const UNCHANGED: &str = "1-orders.sql|f";
