//! Reversible changes of a schema, from `tests/database/steps/`: a world of all
//! kinds of objects, and small steps in it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// Files of steps, without `.sql`.
pub const FILES: [&str; 5] = ["relations", "parts", "types", "routines", "database"];

/// One reversible change.
///
/// ```text
/// -- step: rename a view
/// -- from: 15                 the first major version that knows it
/// -- changes: view a.people   what is not as before, a line each; `many`
/// ALTER VIEW a.people RENAME TO persons;
/// -- undo
/// ALTER VIEW a.persons RENAME TO people;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Unique in its file.
    pub name: String,
    /// First major version that knows it; 0 for all.
    pub from: u32,
    /// Objects that are not as before, as people see them, without roles'
    /// names; `None` if there are too many to list.
    pub changes: Option<BTreeSet<String>>,
    /// What it does.
    pub sql: String,
    /// What makes the schema as it was.
    pub undo: String,
}

/// Names that differ from test to test, in place of `{role}`, `{other}` and
/// `{database}`.
#[derive(Clone, Debug)]
pub struct Names {
    /// A role.
    pub role: String,
    /// Another one.
    pub other: String,
    /// The database.
    pub database: String,
}

impl Names {
    /// `sql` with these names.
    pub fn fill(&self, sql: &str) -> String {
        sql.replace("{role}", &self.role)
            .replace("{other}", &self.other)
            .replace("{database}", &self.database)
    }

    /// `text` without them.
    pub fn out_of(&self, text: &str) -> String {
        text.replace(&self.role, "{role}")
            .replace(&self.other, "{other}")
            .replace(&self.database, "{database}")
    }
}

/// A file of steps or the world, below the repository.
pub fn path(file: &str) -> String {
    format!("tests/database/steps/{file}.sql")
}

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path(file));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The world that the steps change.
pub fn world() -> String {
    text("world")
}

/// The steps of a file, in order.
pub fn steps(file: &str) -> Vec<Step> {
    let text = text(file);
    let mut steps: Vec<Step> = Vec::new();
    let mut is_undo = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("-- step: ") {
            steps.push(Step {
                name: name.to_owned(),
                changes: Some(BTreeSet::new()),
                ..Step::default()
            });
            is_undo = false;
            continue;
        }
        let step = steps.last_mut().expect("a step first");
        if let Some(from) = line.strip_prefix("-- from: ") {
            step.from = from.parse().expect("a major version");
        } else if line == "-- changes: many" {
            step.changes = None;
        } else if let Some(object) = line.strip_prefix("-- changes: ") {
            let changes = step.changes.as_mut().expect("not many");
            changes.insert(object.to_owned());
        } else if line == "-- undo" {
            is_undo = true;
        } else {
            let sql = if is_undo {
                &mut step.undo
            } else {
                &mut step.sql
            };
            sql.push_str(line);
            sql.push('\n');
        }
    }
    steps
}

/// What chooses the order in which they are done.
pub fn seed() -> u64 {
    std::env::var("SEGUE_TEST_SEED").map_or_else(
        |_| fastrand::u64(..),
        |seed| seed.parse().expect("SEGUE_TEST_SEED is a number"),
    )
}

/// The file that has these steps.
pub fn file_of(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}-- step: {}", step.name);
        if step.from > 0 {
            let _ = writeln!(text, "-- from: {}", step.from);
        }
        match &step.changes {
            None => text.push_str("-- changes: many\n"),
            Some(changes) => {
                for object in changes {
                    let _ = writeln!(text, "-- changes: {object}");
                }
            }
        }
        let _ = writeln!(
            text,
            "{}\n-- undo\n{}",
            step.sql.trim_end(),
            step.undo.trim_end()
        );
    }
    text
}
