//! `segue compat`: ten versions of the code by thirty states, with a test that
//! does nothing; the first run, and later ones.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::stage::{Stage, timed};
use crate::table::{Section, Series};

const APPS: usize = 10;
const STATES: usize = 30;
/// Each begins with an empty cache, and ends with other code.
const ROUNDS: usize = 3;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let (mut first, mut again, mut one) = (Series::default(), Series::default(), Series::default());
    for round in 0..ROUNDS {
        let folder = stage.folder(&format!("compat-{round}"));
        project(&folder);
        first.push(timed(compat(&folder)));
        again.push(timed(compat(&folder)));
        app(&folder, APPS - 1, "true # other code\n");
        one.push(timed(compat(&folder)));
    }
    vec![Section {
        title: "A matrix of code and schema",
        text: format!(
            "`segue compat` with {APPS} versions of the code and {STATES} states, two tests side by side. The test does
nothing, so what is measured is the way to the states, a database for each of {} tests, and a shell. First run: nothing
is kept, the server is made too; then: nothing has changed, and no server is started; then: one version of the code has.",
            APPS * STATES
        ),
        columns: vec!["first run", "again", "one version changed"],
        rows: vec![vec![first.show(), again.show(), one.show()]],
    }]
}

/// Migrations of which every third brings a version, and folders of code.
fn project(folder: &Path) {
    let migrations = folder.join("migrations");
    std::fs::create_dir_all(&migrations).expect("a folder");
    for number in 0..STATES {
        let mut text = String::new();
        if number.is_multiple_of(3) {
            let minor = number / 3;
            let _ = writeln!(text, "-- segue: schema-version: 1.{minor}.0\n");
        }
        let _ = writeln!(text, "CREATE TABLE t{number} (id int PRIMARY KEY, a text);");
        std::fs::write(migrations.join(format!("{number:02}.sql")), text).expect("written");
    }
    let mut config = String::new();
    for number in 0..APPS {
        app(folder, number, "true\n");
        let _ = writeln!(
            config,
            "[[compat.app]]\nversion = \"1.{number}.0\"\npath = \"apps/{number}\"\ntest = \"sh test\"\n"
        );
    }
    std::fs::write(folder.join("segue.toml"), config).expect("written");
}

fn app(folder: &Path, number: usize, test: &str) {
    let folder = folder.join("apps").join(number.to_string());
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("test"), test).expect("written");
}

fn compat(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
    command
        .args(["compat", "-q"])
        .current_dir(folder)
        .env("SEGUE_CACHE_DIR", folder.join("cache"))
        .stdin(Stdio::null());
    if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
        command.env("SEGUE_PG_BIN", bin);
    }
    command
}
