//! Why a file cannot run inside segue's transaction.

use crate::statement::{Class, Digest, TransactionControl, digests, split};

/// Why `text` has to run outside a transaction; `None` if nothing in it says
/// so, or it cannot be cut into statements, which `segue up` tells.
#[must_use]
pub fn needs_autocommit(text: &str) -> Option<&'static str> {
    let statements = split(text).ok()?;
    let mut suspects = Vec::new();
    for statement in &statements {
        let class = Class::of(&statement.text);
        if let Some(control) = class.control
            && (control.ends_transaction() || control == TransactionControl::Begin)
        {
            return Some("it has BEGIN or COMMIT of its own");
        }
        if class.may_refuse_transaction_block(&statement.text) {
            suspects.push(statement.text.as_str());
        }
    }
    digests(&suspects)
        .iter()
        .flatten()
        .any(Digest::refuses_transaction_block)
        .then_some("a statement of it refuses a transaction block")
}

#[cfg(test)]
mod tests {
    use super::needs_autocommit;

    #[test]
    fn what_refuses_a_block_is_found() {
        let check = |text: &str, expected: bool| {
            assert_eq!(needs_autocommit(text).is_some(), expected, "{text}");
        };
        check("CREATE TABLE t (a int); -- CONCURRENTLY", false);
        check("CREATE INDEX CONCURRENTLY i ON t (a);", true);
        check("CREATE INDEX i ON t (a) WHERE b = 'CONCURRENTLY';", false);
        check("BEGIN; CREATE TABLE t (); COMMIT;", true);
        check("CREATE TABLE t (); END;", true);
        check("SAVEPOINT a; ROLLBACK TO a;", false);
        check("VACUUM t", true);
        check("DO $$ BEGIN COMMIT; END $$", false);
        check("it's not SQL", false);
    }
}
