//! A file that says "wait" by being there.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::backfill::throttle::Answer;

/// How much of it is read for its first line, in bytes.
const BYTES_MAX: u64 = 4096;

/// Whether the file at `path` is there; its first line is the reason.
#[must_use]
pub fn look(path: &Path) -> Answer {
    match text(path) {
        Ok(text) => Answer::yes(&String::from_utf8_lossy(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Answer::No,
        // It is there, whoever may read it.
        Err(_) if path.try_exists().unwrap_or(false) => Answer::yes(""),
        Err(error) => Answer::failed(&error.to_string()),
    }
}

fn text(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    // Whoever reads from a pipe waits for somebody to write.
    if path.metadata()?.is_file() {
        File::open(path)?.take(BYTES_MAX).read_to_end(&mut text)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_there_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("wait");
        assert_eq!(look(&path), Answer::No);
        assert_eq!(look(&path.join("below")), Answer::No);
        fs::write(&path, "").expect("a file");
        assert_eq!(look(&path), Answer::Yes(String::new()));
        fs::write(&path, "load test until 5\nask Ann\n").expect("a file");
        assert_eq!(look(&path), Answer::Yes("load test until 5".to_owned()));
        fs::write(&path, vec![0xff; 10_000]).expect("a file");
        assert!(matches!(look(&path), Answer::Yes(_)));
        assert_eq!(look(folder.path()), Answer::Yes(String::new()));
        // What is no folder has nothing in it: an error of its own.
        assert!(matches!(look(&path.join("below")), Answer::Failed(_)));
    }
}
