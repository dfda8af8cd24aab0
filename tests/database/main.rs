//! Tests against a real PostgreSQL, one database per test.

mod fresh_database;
mod proxy;

#[path = "../support/support.rs"]
mod support;
