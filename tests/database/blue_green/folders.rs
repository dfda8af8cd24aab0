//! The migrations that each version carries.

use std::fs;
use std::path::PathBuf;

use crate::support::{Project, TestSession};

/// Blue's folder and green's.
#[derive(Debug)]
pub struct Folders {
    pub blue: Project,
    pub green: Project,
}

impl Folders {
    /// Those of the example, for the database at `url`. Blue's is deployed.
    pub fn deployed(url: &str) -> Self {
        let mut files: Vec<PathBuf> = fs::read_dir(example("migrations"))
            .expect("the example")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        let folder = |count: usize| {
            let mut project = Project::new();
            project.env("DATABASE_URL", url);
            for path in &files[..count] {
                let name = path.file_name().expect("a file").to_str().expect("UTF-8");
                project.file(name, &fs::read_to_string(path).expect("a file"));
            }
            project
        };
        let folders = Self {
            blue: folder(1),
            green: folder(files.len()),
        };
        folders.blue.segue(&["up"]).expect_success();
        folders
    }
}

/// A file of the example.
pub fn example(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("examples/blue-green").join(name)
}

/// Has the index wait until the session commits or ends.
pub fn hold_index(url: &str) -> TestSession {
    let holder = TestSession::connect(url);
    holder.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    holder
}

/// Whether the index is there, and valid: empty, `f` or `t`.
pub fn index(session: &TestSession) -> String {
    session
        .query("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('person_full_name')")
}
