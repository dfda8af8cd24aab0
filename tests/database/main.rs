//! Tests against a real PostgreSQL, one database per test.

mod activity;
mod cli;
mod connect;
mod deploy;
mod fresh_database;
mod project;
mod proxy;
mod scratch;
mod standalone;
mod statement;
mod tail;
mod throwaway;

#[path = "../support/support.rs"]
mod support;
