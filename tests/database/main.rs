//! Tests against a real PostgreSQL, one database per test.

mod activity;
mod add;
mod batch;
mod bootstrap;
mod check;
mod cli;
mod codd_project;
mod commit;
mod connect;
mod connections;
mod cuts;
mod deploy;
mod diff;
mod env_vars;
mod fresh_database;
mod introspect;
mod locks;
mod places;
mod project;
mod proxy;
mod rights;
mod roles;
mod scratch;
mod sessions;
mod signals;
mod standalone;
mod statement;
mod steps;
mod tail;
mod throwaway;
mod triples;
mod verify;
mod write_schema;

#[path = "../support/support.rs"]
mod support;
