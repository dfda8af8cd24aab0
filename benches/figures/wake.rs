//! From the COMMIT that makes a deployment ready to a `segue wait` that says
//! so.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::stage::{Database, Stage, timed};
use crate::table::{Section, Series};

const ROUNDS: usize = 25;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let database = stage.database("wake", "template0");
    let folder = stage.folder("wake");
    let mut series = Series::default();
    for round in 0..ROUNDS {
        let file = folder.join(format!("{round:06}.sql"));
        std::fs::write(file, format!("CREATE TABLE t{round} ();\n")).expect("a file");
        let mut waiter = database
            .segue(&folder, &["wait", "ready"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        // It says what it waits for when it has listened and looked.
        let stderr = waiter.stderr.take().expect("piped");
        let mut line = String::new();
        let read = BufReader::new(stderr).read_line(&mut line);
        assert!(read.expect("a line") > 0, "`segue wait` says nothing");
        // Read beside `up`, which ends later than that.
        let stdout = waiter.stdout.take().expect("piped");
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).expect("a line");
            (line, SystemTime::now())
        });
        timed(database.segue(&folder, &["up"]));
        let (line, woken) = reader.join().expect("it only reads");
        assert!(line.starts_with("ready: "), "{line}");
        assert!(waiter.wait().expect("a child").success());
        series.push(woken.duration_since(last_commit(&database)).expect("later"));
    }
    vec![Section {
        title: "From COMMIT to a woken `segue wait`",
        text: format!(
            "{ROUNDS} deployments on a Unix socket: from the COMMIT that makes one ready, by the server's commit
timestamp, until the line of `segue wait ready` is read. In between: the notification and a look
into the ledger, while `segue up` goes on beside it. Goal: a median below 5 ms."
        ),
        columns: vec!["", "segue"],
        rows: vec![vec!["woken after".to_owned(), series.show()]],
    }]
}

/// When the newest batch was committed, by the server's clock, which is ours
/// too. Its row of the migration is not changed later.
pub fn last_commit(database: &Database<'_>) -> SystemTime {
    time(&database.sql(
        "SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint
           FROM segue.migration ORDER BY file DESC LIMIT 1",
    ))
}

/// When the newest deployment became ready.
pub fn last_ready(database: &Database<'_>) -> SystemTime {
    time(&database.sql(
        "SELECT (extract(epoch FROM ready_at) * 1000000)::bigint
           FROM segue.deployment ORDER BY id DESC LIMIT 1",
    ))
}

fn time(micros: &str) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(micros.parse().expect("microseconds"))
}
