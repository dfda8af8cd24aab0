//! The inputs that fuzzing begins with, each by its laws.

use std::fs;
use std::path::Path;

use crate::{directive_laws, laws};

/// Each file below `fuzz/seeds/TARGET`, as its target reads it.
fn each(target: &str, check: impl Fn(&[u8], &[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the seeds") {
        let input = fs::read(entry.expect("a seed").path()).expect("a seed");
        let (&first, rest) = input.split_first().expect("not empty");
        let (sizes, file) = rest.split_at(usize::from(first % 5).min(rest.len()));
        check(file, sizes);
        count += 1;
    }
    assert!(count >= 10, "{count} seeds");
}

#[test]
fn laws_hold_for_the_seeds_of_splitting() {
    each("split", laws::check);
}

#[test]
fn laws_hold_for_the_seeds_of_directives() {
    each("directive", |file, sizes| {
        directive_laws::check(&String::from_utf8_lossy(file), sizes);
    });
}
