//! What disturbed runs came to → findings.

use super::Point;
use crate::diagnostic::{Code, Diagnostic, code};
use crate::rehearsal::{Difference, Finding, Step};
use crate::schema::Diff;

/// What is wrong after a trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Complaint {
    /// `segue up` did not come to its end, however often it was run.
    Stuck {
        /// The status of the last run, for people.
        status: String,
        /// The end of what it said.
        said: String,
    },
    /// A run ended by a panic.
    Panicked {
        /// The end of what it said.
        said: String,
    },
    /// A run did not end in time.
    Hung {
        /// The end of what it said.
        said: String,
    },
    /// The schema is another one.
    Schema(Diff),
    /// A table has other rows.
    Rows {
        /// Which.
        table: String,
        /// How they are after an undisturbed run, for people.
        wanted: String,
        /// How they are.
        found: String,
    },
    /// Roles, other databases, settings are others.
    Server {
        /// What an undisturbed run has, and this one has not.
        wanted: String,
        /// What this one has beyond.
        found: String,
    },
    /// Something was left that nobody needs: an open intent, a lock.
    Left(String),
}

impl Complaint {
    fn code(&self) -> Code {
        match self {
            Self::Stuck { .. } | Self::Panicked { .. } | Self::Hung { .. } => code::NOT_RESUMED,
            Self::Schema(_) | Self::Rows { .. } | Self::Server { .. } => code::RESUMED_DIFFERENTLY,
            Self::Left(_) => code::LEFT_BEHIND,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Stuck { status, .. } => {
                format!("after a fault `segue up` does not come to its end by itself ({status})")
            }
            Self::Panicked { .. } => "after a fault `segue up` panicked".to_owned(),
            Self::Hung { .. } => "after a fault `segue up` hangs".to_owned(),
            Self::Schema(_) => {
                "the schema after a fault is not the one of an undisturbed run".to_owned()
            }
            Self::Rows { table, .. } => {
                format!("after a fault, `{table}` has not the rows of an undisturbed run")
            }
            Self::Server { .. } => {
                "after a fault, the server has other things beside the database".to_owned()
            }
            Self::Left(what) => format!("after a fault, {what}"),
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Stuck { said, .. } | Self::Panicked { said } | Self::Hung { said } => {
                vec![format!("its last words were:\n{said}")]
            }
            Self::Rows { wanted, found, .. } | Self::Server { wanted, found } => {
                vec![format!("undisturbed: {wanted}"), format!("here: {found}")]
            }
            Self::Schema(_) | Self::Left(_) => Vec::new(),
        }
    }

    /// Whether both are about one thing, whatever its details.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Stuck { said: one, .. } | Self::Panicked { said: one },
                Self::Stuck { said: other, .. } | Self::Panicked { said: other },
            ) => one == other,
            (Self::Schema(one), Self::Schema(other)) => one == other,
            (one, other) => one.message() == other.message(),
        }
    }
}

/// The finding that an undisturbed run already fails, so that nothing can be
/// compared.
#[must_use]
pub fn undisturbed(complaint: &Complaint) -> Finding {
    let message = "`segue up` fails even where nobody disturbs it, so nothing was tortured";
    let mut diagnostic = Diagnostic::new(complaint.code(), message.to_owned());
    for note in complaint.notes() {
        diagnostic = diagnostic.note(note);
    }
    Finding::new(Step::Torture, diagnostic)
}

/// Points that are named with a finding.
const POINTS_MAX: usize = 5;

/// One finding for each thing that is wrong, with the points where it was seen.
#[must_use]
pub fn findings(complaints: &[(Point, Complaint)], seed: u64) -> Vec<Finding> {
    let mut groups: Vec<(&Complaint, Vec<&Point>)> = Vec::new();
    for (point, complaint) in complaints {
        match groups.iter_mut().find(|(one, _)| one.is_like(complaint)) {
            Some((_, points)) => points.push(point),
            None => groups.push((complaint, vec![point])),
        }
    }
    let finding = |(complaint, points): (&Complaint, Vec<&Point>)| {
        let mut diagnostic = Diagnostic::new(complaint.code(), complaint.message());
        for point in points.iter().take(POINTS_MAX) {
            diagnostic = diagnostic.note(format!("seen after: {point}"));
        }
        if points.len() > POINTS_MAX {
            let more = points.len() - POINTS_MAX;
            diagnostic = diagnostic.note(format!("and after {more} more"));
        }
        for note in complaint.notes() {
            diagnostic = diagnostic.note(note);
        }
        let diagnostic = diagnostic.help(format!(
            "`--seed {seed}` with the same number of points tries the same ones again"
        ));
        let mut finding = Finding::new(Step::Torture, diagnostic);
        if let Complaint::Schema(diff) = complaint {
            finding.difference = Some(Difference {
                diff: diff.clone(),
                before: "undisturbed",
                after: "after a fault",
            });
        }
        finding
    };
    groups.into_iter().map(finding).collect()
}
