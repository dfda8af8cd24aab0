//! `PREPARE TRANSACTION`: once it is done, its statements are in a transaction
//! that outlives session and server, and to run them again fails at the name.

use super::Next;

/// What became of a transaction that was about to be prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is prepared.
    Prepared,
    /// It was prepared, and somebody has committed it.
    Committed,
    /// It was never prepared, or somebody has rolled it back.
    RolledBack,
    /// The server does not know it any more, or is another one.
    Unknown,
}

/// The next step: [`Next::Run`] runs the whole transaction again.
#[must_use]
pub fn next(fate: Fate) -> Next {
    match fate {
        Fate::Prepared => Next::done("the transaction is prepared"),
        Fate::Committed => Next::done("the transaction was prepared, and is committed"),
        // If it is there all the same, its name is taken, and the server says so.
        Fate::RolledBack | Fate::Unknown => Next::Run,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;

    #[test]
    fn what_is_prepared_is_not_run_again() {
        assert_eq!(
            shown(&next(Fate::Prepared)),
            "done: the transaction is prepared"
        );
        assert_eq!(
            shown(&next(Fate::Committed)),
            "done: the transaction was prepared, and is committed"
        );
        assert_eq!(shown(&next(Fate::RolledBack)), "run");
        assert_eq!(shown(&next(Fate::Unknown)), "run");
    }
}
