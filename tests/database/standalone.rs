//! What runs outside a transaction, interrupted in every way and taken up
//! again.

mod abandon;
mod case;
mod create_index;
mod defaults;
mod drop_index;
mod partitioned;
mod resume;
mod transaction;

use case::{Case, check};

const INDEX: &str = "CREATE INDEX CONCURRENTLY i ON t (a);\n";

const BUILT: &str = "
    statement 1 of 1
    2-tail.sql is done
    settled
    ";
