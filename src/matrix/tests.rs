use super::*;

fn cell(promise: Verdict, ran: Ran) -> Cell {
    Cell {
        promise,
        ran,
        took: Duration::ZERO,
        is_earlier: false,
    }
}

#[test]
fn a_promise_that_nobody_has_looked_at_does_not_hold() {
    let failed = || Ran::Failed(Failure::default());
    let not_run = || Ran::NotRun("why".to_owned());
    let cases = [
        (Verdict::Must, Ran::Passed, Sight::MustWork, true),
        (Verdict::NeedNot, Ran::Passed, Sight::Works, true),
        (Verdict::NeedNot, failed(), Sight::NeedNot, true),
        (Verdict::Must, failed(), Sight::Fails, false),
        (Verdict::Must, not_run(), Sight::NotRun, false),
        (Verdict::NeedNot, not_run(), Sight::NotRun, true),
    ];
    for (promise, ran, sight, is_well) in cases {
        let cell = cell(promise, ran);
        assert_eq!((cell.sight(), cell.is_well()), (sight, is_well), "{cell:?}");
    }
}

#[test]
fn rows_are_grouped_by_version() {
    let groups = example::matrix().groups();
    let groups: Vec<_> = groups.iter().map(|one| (one.first, one.rows)).collect();
    assert_eq!(groups, [(0, 1), (1, 2), (3, 2), (5, 1)]);
}

#[test]
fn a_whole_one_that_promises_nothing_is_not_well() {
    let mut matrix = Matrix {
        cells: vec![vec![cell(Verdict::NeedNot, Ran::Passed)]],
        ..example::matrix()
    };
    assert_eq!((matrix.is_idle(), matrix.is_well()), (true, true));
    matrix.is_whole = true;
    assert!(!matrix.is_well());
    matrix.cells[0].push(cell(Verdict::Must, Ran::Passed));
    assert!(matrix.is_well());
}

#[test]
fn cells_are_counted_by_what_they_show() {
    let matrix = example::matrix();
    assert!(!matrix.is_well());
    let counts = Sight::ALL.map(|sight| matrix.count(sight));
    assert_eq!(counts, [6, 1, 9, 1, 1]);
    let failed: Vec<_> = matrix
        .failed()
        .map(|(placed, _)| (placed.app.version.to_string(), placed.state.name.clone()))
        .collect();
    assert_eq!(
        failed,
        [("1.1.0".to_owned(), "03-index.sql@building".to_owned())]
    );
    let not_run = matrix.not_run();
    assert_eq!(not_run.len(), 1);
    assert_eq!(not_run[0].0, "ended by SIGINT");
}
