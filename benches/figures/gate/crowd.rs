//! A thousand `segue wait` at once.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use super::{deploy, next_file, row, since};
use crate::server::Server;
use crate::stage::Stage;
use crate::table::Series;

const WAITERS: usize = 1000;
const HBA: &str = "local all all trust\n";

pub fn row_of_all(stage: &Stage) -> Vec<String> {
    let server = Server::start(HBA, None);
    let database = stage.at(&server.socket("postgres"));
    database.sql("ALTER SYSTEM SET track_commit_timestamp = on");
    database.sql(&format!(
        "ALTER SYSTEM SET max_connections = {}",
        WAITERS + 50
    ));
    server.control("stop");
    server.control("start");
    let folder = stage.folder("gate-crowd");
    next_file(&folder, 0);
    deploy(&database, &folder);
    next_file(&folder, 1);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut waiters = Vec::with_capacity(WAITERS);
    for _ in 0..WAITERS {
        let stdout = writer.try_clone().expect("a descriptor");
        let waiter = database
            .segue(&folder, &["wait", "ready", "--quiet"])
            .stdout(stdout)
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        waiters.push(waiter);
    }
    drop(writer);
    let began = Instant::now();
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'segue%' AND query LIKE 'LISTEN%' OR state = 'idle'";
    while database
        .sql(idle)
        .parse::<usize>()
        .is_ok_and(|count| count < WAITERS)
    {
        assert!(began.elapsed() < Duration::from_mins(5), "they connect");
        std::thread::sleep(Duration::from_millis(200));
    }
    let reading = std::thread::spawn(move || {
        BufReader::new(reader)
            .lines()
            .map(|line| (line.expect("a line"), SystemTime::now()))
            .collect::<Vec<_>>()
    });
    let committed = deploy(&database, &folder);
    for mut waiter in waiters {
        assert!(waiter.wait().expect("a child").success());
    }
    let mut series = Series::default();
    for (line, woken) in reading.join().expect("it only reads") {
        assert!(line.starts_with("ready: "), "{line}");
        series.push(since(woken, committed));
    }
    assert_eq!(series.len(), WAITERS);
    row("each of 1,000 `segue wait ready`, Unix socket", &series)
}
