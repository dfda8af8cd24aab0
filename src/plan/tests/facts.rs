//! Where a database stands, and what is told of it.

use super::{check, outcome};
use crate::plan::Options;

#[test]
fn places() {
    check(
        "a",
        "a applied, b applied, settled",
        "ahead; fact: applied, but not in this folder: `b`; ready already",
    );
    check(
        "a, c",
        "a applied, b applied, settled",
        "diverged; fact: applied, but not in this folder: `b`; block c last; ready by commit",
    );
    check(
        "a, c",
        "c applied, settled",
        "behind; fact: `a` is older than `c`, which is applied; block a last; ready by commit",
    );
    check(
        "a, b",
        "a applied, b edited, settled",
        "equal; fact: the text of `b` has changed since it was applied; ready already",
    );
    check(
        "a, b",
        "a edited, z applied, settled",
        "error[another-project]: the ledger knows `a` with another text, and nothing that this folder holds as it is",
    );
}

#[test]
fn what_began_and_is_gone_is_told() {
    check(
        "a",
        "a applied, s interrupted, settled",
        "equal; fact: `s` began and did not end, and is not in this folder: under another name and with another text its statements run again; bring it back, or give it up by `segue abandon s`; ready already",
    );
}

#[test]
fn strict_refuses_what_is_told_otherwise() {
    let options = Options {
        strict: true,
        ..Options::default()
    };
    assert_eq!(
        outcome("a, c", "c applied, settled", &options),
        "error[out-of-order]: `a` is older than `c`, which is applied"
    );
    assert_eq!(
        outcome("a", "a applied, b applied, settled", &options),
        "error[missing-migration]: applied, but not in this folder: `b`"
    );
}
