//! Whose fault it is that a batch failed.

use crate::postgres::{Error, Failure, ServerError};

/// What an error in a batch says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The connection is gone.
    Connection,
    /// Others, or the state of the server: the same batch may succeed later.
    Server,
    /// The statement: no batch will succeed.
    Statement,
    /// One of the rows: the others may succeed.
    Rows,
}

impl Blame {
    /// Whose fault this error is.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Lost(_) => Self::Connection,
            Error::Server(server) => Self::of_server(server),
            Error::Connect(_) | Error::Pooled(_) | Error::Protocol(_) => Self::Statement,
        }
    }

    /// By class (appendix A of the manual). What is not known is put on the
    /// rows: where it is not theirs, the bound of the quarantine ends it soon.
    fn of_server(error: &ServerError) -> Self {
        if error.failure() == Failure::ConnectionLost {
            return Self::Connection;
        }
        let state = error.sqlstate.as_str();
        match state {
            // A prepared statement that somebody has discarded is made again.
            "26000" | "25006" | "55006" | "55P03" | "55P04" => Self::Server,
            _ => match state.get(..2).unwrap_or_default() {
                // Connections of the server's own, rolled back, resources,
                // intervention, system errors, and foreign servers.
                "08" | "40" | "53" | "57" | "58" | "F0" | "HV" => Self::Server,
                "0A" | "0L" | "0P" | "24" | "25" | "26" | "28" | "2B" | "2D" | "34" | "3D"
                | "3F" | "42" | "55" => Self::Statement,
                _ => Self::Rows,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sqlstate: &str) -> Blame {
        Blame::of(&Error::Server(Box::new(ServerError {
            severity: "ERROR".to_owned(),
            is_fatal: false,
            sqlstate: sqlstate.to_owned(),
            message: String::new(),
            detail: None,
            hint: None,
            context: None,
            constraint: None,
            position: None,
        })))
    }

    #[test]
    fn data_is_blamed_for_data_only() {
        let expected = [
            (
                Blame::Rows,
                "22001 22P02 23505 23503 P0001 21000 44000 54000 XX000",
            ),
            (
                Blame::Server,
                "40P01 40001 55P03 57014 53100 53200 53300 25006 26000 58030 08006",
            ),
            (
                Blame::Statement,
                "42601 42703 42501 0A000 55000 25P02 3F000",
            ),
            (Blame::Connection, "57P01 57P05 25P03"),
        ];
        for (blame, states) in expected {
            for state in states.split(' ') {
                assert_eq!(of(state), blame, "{state}");
            }
        }
        assert_eq!(Blame::of(&Error::Lost(String::new())), Blame::Connection);
    }
}
