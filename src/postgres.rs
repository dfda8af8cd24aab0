//! Everything that talks to PostgreSQL.

pub mod connect;
pub mod scratch;
pub mod target;
pub mod throwaway;
pub mod tls;
