//! What a `segue wait` in an init container costs.

use std::process::{Command, Stdio};

use super::{deploy, first_told, next_file};
use crate::certificates::{Certificates, Names};
use crate::server::Server;
use crate::stage::{Database, Stage, timed};
use crate::table::{Section, Series, megabytes};

const ROUNDS: usize = 50;
const HBA: &str = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n";

pub fn section(stage: &Stage) -> Section {
    let server = Server::start(HBA, Some(&Certificates::new(&Names::Alternative)));
    let socket = stage.at(&server.socket("postgres"));
    let tls = stage.at(&format!(
        "host=127.0.0.1 port={} user=postgres dbname=postgres sslmode=require",
        server.port
    ));
    socket.sql("ALTER SYSTEM SET track_commit_timestamp = on");
    server.control("stop");
    server.control("start");
    let folder = stage.folder("gate-cold");
    next_file(&folder, 0);
    deploy(&socket, &folder);
    let time = |command: &dyn Fn() -> Command| {
        let mut series = Series::default();
        for _ in 0..ROUNDS {
            series.push(timed(command()));
        }
        series
    };
    let line = |title: &str, database: &Database<'_>| {
        let segue = time(&|| database.segue(&folder, &["wait", "ready"]));
        let psql = time(&|| database.psql(&["-c", "SELECT 1"]));
        vec![
            title.to_owned(),
            psql.show(),
            segue.show(),
            segue.over(&psql),
        ]
    };
    let rows = vec![
        line("Unix socket", &socket),
        line("TCP on loopback with TLS", &tls),
    ];
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_segue")).expect("the program");
    Section {
        title: "A `segue wait` that finds it ready",
        text: format!(
            "{ROUNDS} times from the start of the process to its end, beside a `psql -c 'SELECT 1'`. Goal: below 30 ms with
TLS. The program has {}; one that waits has {} in memory at most.",
            megabytes(Some(size.len())),
            megabytes(resident(&tls, stage)),
        ),
        columns: vec!["", "psql", "segue", "segue / psql"],
        rows,
    }
}

/// Peak memory of a process that waits.
fn resident(database: &Database<'_>, stage: &Stage) -> Option<u64> {
    let folder = stage.folder("gate-resident");
    next_file(&folder, 1);
    let mut waiter = database
        .segue(&folder, &["wait", "ready"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    first_told(&mut waiter);
    let status = std::fs::read_to_string(format!("/proc/{}/status", waiter.id())).ok();
    let _ = waiter.kill();
    let _ = waiter.wait();
    let status = status?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kilobytes: u64 = peak.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
