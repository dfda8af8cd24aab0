//! A matrix with everything in it, for tests of its forms.

use std::time::Duration;

use super::{App, Cell, Failure, Matrix, Origin, Ran, Sessions, State};
use crate::compatibility::Verdict;
use crate::version::Version;

/// Three versions of the code, six states.
pub(crate) fn matrix() -> Matrix {
    let app = |version: &str, origin, sessions, needs: &str| App {
        version: self::version(version),
        origin,
        test: "make test-db".to_owned(),
        sessions,
        needs: needs.to_owned(),
    };
    let tag = |name: &str| Origin::Ref(name.to_owned());
    let apps = vec![
        app("1.0.0", tag("v1.0.0"), Sessions::Fresh, ">= 1.0, < 2"),
        app("1.1.0", tag("v1.1.0"), Sessions::Fresh, ">= 1.1, < 2"),
        app(
            "2.0.0",
            Origin::Folder(".".to_owned()),
            Sessions::Kept,
            ">= 2.0, < 3",
        ),
    ];
    let state = |name: &str, version: Option<&str>| State {
        name: name.to_owned(),
        version: version.map(self::version),
    };
    let states = vec![
        state("empty", None),
        state("01-jobs.sql", Some("1.0.0")),
        state("02-add.sql@ready", Some("1.0.0")),
        state("02-add.sql", Some("1.1.0")),
        state("03-index.sql@building", Some("1.1.0")),
        state("03-index.sql", Some("2.0.0")),
    ];
    // `o` must and does, `+` does, `-` does not, `x` must and does not, `?`
    // must and was not run.
    let rows = ["---", "o--", "o--", "oo-", "ox+", "-?o"];
    let cells = rows.map(|row| row.chars().map(cell).collect()).to_vec();
    let mut matrix = Matrix {
        project: "queue".to_owned(),
        major: 17,
        apps,
        states,
        cells,
        is_whole: false,
    };
    matrix.cells[1][0].is_earlier = true;
    matrix
}

fn version(text: &str) -> Version {
    Version::parse(text).expect("a version")
}

fn cell(sign: char) -> Cell {
    let promise = match sign {
        'o' | 'x' | '?' => Verdict::Must,
        _ => Verdict::NeedNot,
    };
    let ran = match sign {
        'o' | '+' => Ran::Passed,
        '-' => Ran::Failed(Failure {
            reason: "exit status 1".to_owned(),
            ..Failure::default()
        }),
        'x' => Ran::Failed(Failure {
            reason: "exit status 1".to_owned(),
            tail: vec![
                "ERROR:  relation \"jobs\" does not exist".to_owned(),
                "LINE 1: SELECT * FROM jobs;".to_owned(),
            ],
            log: Some("/cache/compat/1.log".to_owned()),
        }),
        _ => Ran::NotRun("ended by SIGINT".to_owned()),
    };
    Cell {
        promise,
        took: if sign == 'x' {
            Duration::from_millis(1200)
        } else {
            Duration::ZERO
        },
        ran,
        is_earlier: false,
    }
}
