//! What runs outside a transaction, interrupted in every way and taken up
//! again.

mod abandon;
mod answers;
mod case;
mod crash;
mod create_index;
mod defaults;
mod detach_partition;
mod drop_index;
mod hostile;
mod object;
mod partitioned;
mod prepared;
mod reindex;
mod resume;
mod retries;
mod session;
mod transaction;
mod twelve;

use case::{Case, check};

const INDEX: &str = "CREATE INDEX CONCURRENTLY i ON t (a);\n";

const BUILT: &str = "
    statement 1 of 1
    2-tail.sql is done
    settled
    ";
