//! Folders that were put into the program when it was built.

use crate::files::embedded::EmbeddedFile;

/// Migrations, and an expected schema if there is one, as a part of the
/// program; [`embed!`](crate::embed) makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    pub(super) migrations: &'static [EmbeddedFile],
    pub(super) expected_schema: Option<ExpectedSchema>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpectedSchema {
    /// What the folder is called.
    pub folder: &'static str,
    pub files: &'static [EmbeddedFile],
}

impl Embedded {
    /// These migrations, in any order, without an expected schema: nothing is
    /// verified.
    ///
    /// For [`embed!`](crate::embed), and for who has another way to put files
    /// into a program.
    #[must_use]
    pub const fn new(migrations: &'static [EmbeddedFile]) -> Self {
        Self {
            migrations,
            expected_schema: None,
        }
    }

    /// The same with an expected schema: the files below a folder, which
    /// errors call `folder`.
    #[must_use]
    pub const fn expected_schema(
        self,
        folder: &'static str,
        files: &'static [EmbeddedFile],
    ) -> Self {
        Self {
            expected_schema: Some(ExpectedSchema { folder, files }),
            ..self
        }
    }
}

/// What the crate `segue-build` has embedded for this package, as an
/// [`Embedded`].
///
/// ```ignore
/// // build.rs, with `segue-build` among the build dependencies
/// fn main() {
///     segue_build::embed("migrations");
/// }
///
/// // src/main.rs
/// static MIGRATIONS: segue::Embedded = segue::embed!();
/// ```
///
/// A build script is what Cargo runs again when a file comes, changes or goes:
/// a macro alone would not see a new one, and the program would start without
/// its last migration. Where nothing was embedded, this does not compile.
///
/// `segue::embed!("billing")` is what
/// `segue_build::Embed::new("…").named("billing")` has embedded, for programs
/// with several projects.
#[macro_export]
macro_rules! embed {
    () => {
        $crate::embed!("main")
    };
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/segue-", $name, ".rs"))
    };
}
