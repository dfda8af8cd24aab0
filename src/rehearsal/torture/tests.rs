use super::*;
use crate::schema::Diff;

fn request(kind: RequestKind, text: &str) -> Request {
    Request {
        kind,
        text: text.to_owned(),
    }
}

fn statement(text: &str) -> Request {
    request(RequestKind::Statement, text)
}

/// The first of its kind.
fn spot(text: &str) -> Spot {
    Spot::new(&statement(text), 1)
}

#[test]
fn numbers_layout_and_comments_are_no_part_of_a_key() {
    let key = |text| statement(text).key().text;
    assert_eq!(key("-- why\n\nSELECT  12,\n  'a1b22'"), "SELECT #, 'a#b#'");
    assert_eq!(key("SELECT 9, 'a5b6'"), "SELECT #, 'a#b#'");
}

#[test]
fn like_requests_are_counted_and_shown_as_they_were() {
    let heard = [
        request(RequestKind::Connect, ""),
        statement("INSERT INTO t VALUES (1)"),
        statement("INSERT INTO t VALUES (2)"),
        request(RequestKind::Data, "COPY t FROM stdin"),
        request(RequestKind::DataEnd, "COPY t FROM stdin"),
        request(RequestKind::Sync, "COPY t FROM stdin"),
    ];
    let shown: Vec<String> = spots(&heard).iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "a connection",
            "`INSERT INTO t VALUES (1)`",
            "`INSERT INTO t VALUES (2)`, number 2 of its kind",
            "data of `COPY t FROM stdin`",
            "the end of the data of `COPY t FROM stdin`",
            "the end of `COPY t FROM stdin`",
        ]
    );
}

#[test]
fn a_long_statement_is_shown_by_its_beginning() {
    let text = format!("SELECT '{}'", "ä".repeat(100));
    let shown = spot(&text).to_string();
    assert_eq!(shown, format!("`SELECT '{}…`", "ä".repeat(62)));
}

#[test]
fn what_only_asks_is_known() {
    let asks = |text| statement(text).key().only_asks();
    for text in [
        "SELECT pg_catalog.pg_is_in_recovery()",
        "-- who\nSELECT pid FROM pg_catalog.pg_locks",
        "SET search_path = a",
        "BEGIN READ WRITE;SET LOCAL lock_timeout = 1",
        "show server_version",
        "",
    ] {
        assert!(asks(text), "{text}");
    }
    for text in [
        "SELECT count_it('x')",
        "COMMIT",
        "INSERT INTO segue.intent VALUES (1)",
        "SET LOCAL role TO DEFAULT; INSERT INTO segue.migration VALUES (1)",
        "-- why\nUPDATE t SET a = 1",
        "VACUUM",
    ] {
        assert!(!asks(text), "{text}");
    }
}

#[test]
fn concurrent_statements_are_known() {
    let is = |text| statement(text).key().is_concurrent();
    assert!(is("create unique index concurrently i on t (a)"));
    assert!(is("REINDEX INDEX CONCURRENTLY i"));
    assert!(is("ALTER TABLE t DETACH PARTITION p CONCURRENTLY"));
    // It may run inside a transaction block, and waits once.
    assert!(!is("REFRESH MATERIALIZED VIEW CONCURRENTLY v"));
    assert!(!is("SELECT 'CREATE INDEX CONCURRENTLY'"));
}

fn phase(nth: usize) -> Wait {
    Wait {
        hold: Hold::Writers,
        nth,
        phase: "waiting for writers before build".to_owned(),
    }
}

#[test]
fn a_point_is_told_in_words() {
    let blow = |fault, at, delay_ms| Blow {
        fault,
        spot: spot("COMMIT"),
        at,
        delay_ms,
    };
    let point = Point(vec![
        blow(Fault::KillSegue, At::Moment(Moment::Before), 0),
        blow(Fault::Cut, At::Moment(Moment::During), 7),
        blow(Fault::KillBackend, At::Moment(Moment::Answered), 0),
        blow(Fault::StopServer, At::Wait(phase(1)), 0),
    ]);
    assert_eq!(
        point.to_string(),
        "kill -9 of segue before `COMMIT`; of the next run, connection cut 7 ms into `COMMIT`; \
         of the next run, kill -9 of the backend after `COMMIT`; of the next run, immediate \
         shutdown of the server while `COMMIT` is waiting for writers before build"
    );
}

fn some_spots() -> Vec<Spot> {
    let texts = ["CREATE TABLE t ()", "COMMIT", "SELECT pg_catalog.now()"];
    let mut heard: Vec<Request> = texts.map(statement).into();
    heard.extend((0..1000).map(|number| statement(&format!("INSERT INTO t VALUES ({number})"))));
    spots(&heard)
}

#[test]
fn each_spot_and_phase_has_a_point_before_any_has_two() {
    let waits = [(spot("CREATE INDEX CONCURRENTLY i ON t (a)"), phase(1))];
    // Two statements, four of the thousand, and a phase.
    let choice = choose(&some_spots(), &waits, &Fault::ALL, Some(8), 1);
    assert_eq!((choice.spots, choice.hit), (7, 7));
    let systematic = &choice.points[..7];
    let mut hit: Vec<_> = systematic.iter().map(|point| &point.0[0].spot).collect();
    hit.sort();
    hit.dedup();
    assert_eq!(hit.len(), 7);
    assert!(systematic.iter().all(|point| point.0.len() == 1));
    let like: Vec<usize> = hit
        .iter()
        .filter(|spot| spot.key.text.starts_with("INSERT"))
        .map(|spot| spot.nth)
        .collect();
    assert_eq!(like, [1, 334, 667, 1000]);
}

#[test]
fn all_is_every_fault_once_and_some_at_random() {
    let choice = choose(&some_spots(), &[], &Fault::ALL, None, 1);
    let mut single = choice.points[..choice.all].to_vec();
    single.sort();
    single.dedup();
    assert_eq!(single.len(), choice.all);
    assert_eq!(choice.points.len(), choice.all + choice.all / 5);
    // Six that change something in eighteen ways, one that asks in five.
    assert_eq!(choice.all, 6 * 18 + 5);
}

#[test]
fn a_fault_that_cannot_be_had_is_not_chosen() {
    let choice = choose(&some_spots(), &[], &[Fault::Cut], None, 1);
    let mut blows = choice.points.iter().flat_map(|point| &point.0);
    assert!(blows.all(|blow| blow.fault == Fault::Cut));
    assert_eq!(choose(&some_spots(), &[], &[], Some(10), 1).points, []);
}

#[test]
fn the_same_seed_gives_the_same_points() {
    let points = |seed| choose(&some_spots(), &[], &Fault::ALL, Some(50), seed).points;
    assert_eq!(points(1), points(1));
    assert_ne!(points(1), points(2));
}

#[test]
fn what_is_alike_is_one_finding() {
    let point = |text: &str| {
        Point(vec![Blow {
            fault: Fault::Cut,
            spot: spot(text),
            at: At::Moment(Moment::Before),
            delay_ms: 0,
        }])
    };
    let fact = |found: &str| Complaint::Rows {
        table: "public.t".to_owned(),
        wanted: "1 row".to_owned(),
        found: found.to_owned(),
    };
    let complaints = [
        (point("A"), fact("2 rows")),
        (point("B"), Complaint::Schema(Diff::default())),
        (point("C"), fact("3 rows")),
    ];
    let found = findings(&complaints, 5);
    let shown: Vec<String> = found
        .iter()
        .map(|finding| {
            let diagnostic = &finding.diagnostic;
            let notes = diagnostic.notes.join(" | ");
            format!("{}: {} | {notes}", diagnostic.code, diagnostic.message)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "resumed-differently: after a fault, `public.t` has not the rows of an undisturbed \
             run | seen after: connection cut before `A` | seen after: connection cut \
             before `C` | undisturbed: 1 row | here: 2 rows",
            "resumed-differently: the schema after a fault is not the one of an undisturbed run | \
             seen after: connection cut before `B`",
        ]
    );
}
