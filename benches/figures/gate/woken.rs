//! `segue wait`: woken, and polling on a standby.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::SystemTime;

use super::{deploy, first_told, next_file, row, since};
use crate::server::Server;
use crate::stage::{Database, Stage};
use crate::table::Series;

const ROUNDS: usize = 100;
const ROUNDS_ON_STANDBY: usize = 20;
const HBA: &str = "local all all trust\nlocal replication all trust\n";

pub fn rows(stage: &Stage) -> Vec<Vec<String>> {
    let database = stage.database("gate", "template0");
    let woken = rounds(stage, "gate-woken", &database, &database, ROUNDS);
    let primary = Server::start(HBA, None);
    let on = stage.at(&primary.socket("postgres"));
    on.sql("ALTER SYSTEM SET track_commit_timestamp = on");
    primary.control("stop");
    primary.control("start");
    let standby = primary.standby("on");
    let on_standby = stage.at(&standby.socket("postgres"));
    let replayed = rounds(stage, "gate-standby", &on, &on_standby, ROUNDS_ON_STANDBY);
    vec![
        row("`segue wait ready`, woken, Unix socket", &woken),
        row(
            "`segue wait ready` on a streaming standby, which it polls",
            &replayed,
        ),
    ]
}

fn rounds(
    stage: &Stage,
    folder: &str,
    primary: &Database<'_>,
    looked_at: &Database<'_>,
    rounds: usize,
) -> Series {
    let folder = stage.folder(folder);
    let mut series = Series::default();
    for round in 0..rounds {
        next_file(&folder, round);
        let mut waiter = looked_at
            .segue(&folder, &["wait", "ready"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        // It says what it waits for when it has listened and looked.
        first_told(&mut waiter);
        let stdout = waiter.stdout.take().expect("piped");
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).expect("a line");
            (line, SystemTime::now())
        });
        let committed = deploy(primary, &folder);
        let (line, woken) = reader.join().expect("it only reads");
        assert!(line.starts_with("ready: "), "{line}");
        assert!(waiter.wait().expect("a child").success());
        series.push(since(woken, committed));
    }
    series
}
