//! `segue at`: how long it takes to be in a state.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::stage::{Stage, timed};
use crate::table::{Section, Series};

const MIGRATIONS: usize = 500;
const ROUNDS: usize = 5;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let folder = stage.folder("at");
    write(&folder);
    let cache = Cache::new();
    let last = MIGRATIONS - 1;
    let states = [
        ("the last one, nothing is kept", format!("{last:04}-step")),
        ("again", format!("{last:04}-step")),
        (
            "one in the middle, for the first time",
            format!("{:04}-step", MIGRATIONS / 2),
        ),
        (
            "the one after that",
            format!("{:04}-step", MIGRATIONS / 2 + 1),
        ),
        (
            "its index is being built, for the first time",
            "9000-index@building".to_owned(),
        ),
        ("again", "9000-index@building".to_owned()),
        (
            "its backfill is half done, for the first time",
            "9001-fill@backfilling:50%".to_owned(),
        ),
        ("again", "9001-fill@backfilling:50%".to_owned()),
    ];
    let mut series: Vec<Series> = states.iter().map(|_| Series::default()).collect();
    for _ in 0..ROUNDS {
        cache.empty();
        for ((_, state), series) in states.iter().zip(&mut series) {
            series.push(timed(cache.at(&folder, state)));
        }
    }
    let rows = states.iter().zip(&series);
    let rows = rows.map(|((what, _), series)| vec![(*what).to_owned(), series.show()]);
    vec![Section {
        title: "A visit to a state",
        text: format!(
            "`segue at STATE -- true` for a history of {MIGRATIONS} migrations over {TABLES} tables, one after the
other: the server is started, a database made, and both are gone at the end of each. The template that `initdb` makes is
there."
        ),
        columns: vec!["state", "segue at"],
        rows: rows.collect(),
    }]
}

/// A folder for what is kept, which the server's user may enter.
struct Cache(PathBuf);

impl Cache {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("states-of-figures");
        std::fs::create_dir_all(&folder).expect("a folder");
        let open = Permissions::from_mode(0o711);
        std::fs::set_permissions(&folder, open).expect("its owner");
        let cache = Self(folder);
        // The template of `initdb`.
        let empty = cache.0.join("no-migrations");
        std::fs::create_dir_all(&empty).expect("a folder");
        timed(cache.at(&empty, "empty"));
        cache
    }

    fn empty(&self) {
        let _ = std::fs::remove_dir_all(self.0.join("states"));
    }

    fn at(&self, migrations: &Path, state: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command
            .args(["at", state, "--", "true"])
            .current_dir(&self.0)
            .env("SEGUE_CACHE_DIR", &self.0)
            .env("SEGUE_MIGRATIONS", migrations)
            .stdin(Stdio::null());
        // The binaries that all figures are of.
        if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
            command.env("SEGUE_PG_BIN", bin);
        }
        command
    }
}

const TABLES: usize = 100;

/// Tables, and what is done to them over the years; a triple at the end.
fn write(folder: &Path) {
    let file = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("a file");
    };
    for index in 0..MIGRATIONS {
        let table = index % TABLES;
        let text = match index / TABLES {
            0 => format!("CREATE TABLE t{table} (id bigint PRIMARY KEY, name text NOT NULL);\n"),
            1 => format!("ALTER TABLE t{table} ADD email text;\n"),
            2 => format!("CREATE INDEX t{table}_email ON t{table} (email);\n"),
            3 => format!("INSERT INTO t{table} VALUES (1, 'one', 'one@example.org');\n"),
            _ => format!("ALTER TABLE t{table} ADD CHECK (id > 0);\n"),
        };
        file(&format!("{index:04}-step.sql"), &text);
    }
    file("8999-add.sql", "ALTER TABLE t0 ADD lower text;\n");
    file(
        "9000-index.sql",
        "-- segue: begin-concurrent-migration-with: 8999-add.sql\n\nCREATE INDEX CONCURRENTLY t0_lower ON t0 (lower);\n",
    );
    file(
        "9001-fill.sql",
        "-- segue: begin-concurrent-migration-with: 8999-add.sql\n-- segue: backfill: t0 by id\n\nUPDATE t0 SET lower = lower(name) WHERE id > :lower AND id <= :upper;\n",
    );
}
