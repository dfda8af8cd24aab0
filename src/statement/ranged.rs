//! What a statement over a range of a table's key does outside of it.

/// Why a statement, run range after range, would not do each row once. Places
/// are bytes of the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutOfRange {
    /// What stands here is compared with a bound, and is not the key.
    NotTheKey(usize),
    /// This bound does not keep rows out: it stands under `OR`, in the `ON` of
    /// an outer join or of `MERGE`, or is computed with.
    NotACondition(usize),
    /// The condition of this bound does not have the other one.
    OneSided(usize),
    /// All rows of the table here are changed or deleted.
    AllRows(usize),
    /// A column of the key is set, here.
    SetsKey(String, usize),
    /// Rows are added to the table itself, whose end then moves away.
    AddsRows(usize),
    /// `SELECT … INTO` a table, which is named here.
    MakesTable(usize),
}

impl OutOfRange {
    /// Where.
    #[must_use]
    pub fn at(&self) -> usize {
        match self {
            Self::NotTheKey(at)
            | Self::NotACondition(at)
            | Self::OneSided(at)
            | Self::AllRows(at)
            | Self::SetsKey(_, at)
            | Self::AddsRows(at)
            | Self::MakesTable(at) => *at,
        }
    }
}
