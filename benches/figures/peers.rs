//! The migrations of [`many`](crate::many), by other tools.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::distance::socket_of;
use crate::many::statement;
use crate::stage::{Database, Stage, timed};
use crate::table::{Section, Series};

const ROUNDS: usize = 5;

/// A tool that applies a folder of migrations.
struct Peer {
    name: &'static str,
    /// Name of the file with this index.
    file: fn(usize) -> String,
    /// What stands above the statement.
    heading: &'static str,
    /// The command that applies `folder`.
    command: fn(&Path, &Database<'_>, &Path) -> Command,
}

const PEERS: [Peer; 3] = [
    Peer {
        name: "dbmate",
        file: |index| format!("{:014}_step.sql", index + 1),
        heading: "-- migrate:up\n",
        command: |program, database, folder| {
            let socket = socket_of(database.url());
            let url = format!(
                "postgres://postgres@/{}?sslmode=disable&socket={}",
                database.name(),
                socket.parent().expect("a folder").display()
            );
            let mut command = Command::new(program);
            command
                .args(["--no-dump-schema", "--migrations-dir"])
                .arg(folder)
                .args(["--url", &url, "up"]);
            command
        },
    },
    Peer {
        name: "sqlx",
        file: |index| format!("{:014}_step.sql", index + 1),
        heading: "",
        command: |program, database, folder| {
            let mut command = Command::new(program);
            command
                .args(["migrate", "run", "--database-url", database.url()])
                .arg("--source")
                .arg(folder);
            command
        },
    },
    Peer {
        name: "refinery",
        file: |index| format!("V{}__step.sql", index + 1),
        heading: "",
        command: |program, database, folder| {
            let mut command = Command::new(program);
            command
                .args(["migrate", "-e", "REFINERY_URL", "-p"])
                .arg(folder)
                .env("REFINERY_URL", database.url());
            command
        },
    },
];

pub fn measure(stage: &Stage) -> Vec<Section> {
    let peers: Vec<(&Peer, PathBuf)> = PEERS
        .iter()
        .map(|peer| (peer, program(peer.name)))
        .filter(|(_, program)| program.exists())
        .collect();
    let mut rows = Vec::new();
    for number in [1_000, 10_000] {
        let own = stage.folder(&format!("peers-{number}-segue"));
        write(number, &own, |index| format!("{index:06}-step.sql"), "");
        let folders: Vec<PathBuf> = peers
            .iter()
            .map(|(peer, _)| {
                let folder = stage.folder(&format!("peers-{number}-{}", peer.name));
                write(number, &folder, peer.file, peer.heading);
                folder
            })
            .collect();
        let mut segue = Series::default();
        let mut others: Vec<Series> = peers.iter().map(|_| Series::default()).collect();
        for _ in 0..ROUNDS {
            let database = stage.database("peers", "template0");
            segue.push(timed(database.segue(&own, &["up"])));
            for (((peer, program), folder), series) in peers.iter().zip(&folders).zip(&mut others) {
                let database = stage.database("peers", "template0");
                series.push(timed((peer.command)(program, &database, folder)));
            }
        }
        rows.push(vec![
            number.to_string(),
            "segue".to_owned(),
            segue.show(),
            String::new(),
        ]);
        for ((peer, _), series) in peers.iter().zip(&others) {
            rows.push(vec![
                number.to_string(),
                peer.name.to_owned(),
                series.show(),
                series.over(&segue),
            ]);
        }
    }
    stage.drop("peers");
    let versions: Vec<String> = peers.iter().map(|(_, program)| version(program)).collect();
    vec![Section {
        title: "Beside other tools",
        text: format!(
            "The migrations of the first section, on a fresh database, by the tools that `scripts/peers` could install:
{}. These commit each migration by itself; segue commits all of them at once.",
            versions.join(", ")
        ),
        columns: vec!["migrations", "tool", "time", "over segue"],
        rows,
    }]
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/peers/bin")
        .join(name)
}

fn version(program: &Path) -> String {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .expect("the tool");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn write(number: usize, folder: &Path, file: impl Fn(usize) -> String, heading: &str) {
    for index in 0..number {
        let text = format!("{heading}{}", statement(index));
        std::fs::write(folder.join(file(index)), text).expect("a file");
    }
}
