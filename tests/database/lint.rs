//! What `segue lint` believes of PostgreSQL, asked of a server.

use crate::support::TestDatabase;

mod rewrites;
