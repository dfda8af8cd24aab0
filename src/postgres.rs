//! Everything that talks to PostgreSQL.

pub mod connect;
pub mod target;
pub mod throwaway;
pub mod tls;
