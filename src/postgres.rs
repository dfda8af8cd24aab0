//! The one place that talks to PostgreSQL.

pub mod connect;
pub mod target;
pub mod tls;
