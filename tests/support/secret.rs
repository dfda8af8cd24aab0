//! A password that is given to every run of the program and must not come out
//! anywhere: each output of each test is searched for it, and so are the files
//! and the ledger that the runs leave.

use std::path::Path;

/// The servers of most tests let everybody in, so any password will do.
pub const SECRET: &str = "segue-secret-Zk4wq9";

/// # Panics
///
/// If the password is in `text`; what is printed then does not repeat it.
#[track_caller]
pub fn assert_absent(place: &str, text: &[u8]) {
    let position = memchr::memmem::find(text, SECRET.as_bytes());
    if let Some(position) = position {
        let before = String::from_utf8_lossy(&text[position.saturating_sub(200)..position]);
        panic!("the password is in {place}, after: {before}");
    }
}

/// The same URL with the password, unless it has one or names no user.
pub fn with_password(url: &str) -> String {
    let parts = url
        .split_once("://")
        .and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?)));
    match parts {
        Some((scheme, (user, place))) if !user.contains([':', '/', '?']) && !user.is_empty() => {
            format!("{scheme}://{user}:{SECRET}@{place}")
        }
        _ => url.to_owned(),
    }
}

/// # Panics
///
/// If the password is in a file below `folder`.
#[track_caller]
pub fn assert_absent_below(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if kind.is_dir() {
            assert_absent_below(&path);
        } else if kind.is_file()
            && let Ok(text) = std::fs::read(&path)
        {
            assert_absent(&path.display().to_string(), &text);
        }
    }
}
