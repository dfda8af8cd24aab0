//! Tests against a real PostgreSQL, one database per test.

mod activity;
mod add;
mod adopt;
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
mod differential;
mod dumps;
mod env_vars;
mod fold;
mod fresh_database;
mod introspect;
mod lock_modes;
mod locks;
mod places;
mod pooler;
mod project;
mod proxy;
mod renamed;
mod rights;
mod roles;
mod scratch;
mod sessions;
mod signals;
mod standalone;
mod standby;
mod statement;
mod steps;
mod strong_locks;
mod tail;
mod throwaway;
mod torture;
mod triples;
mod verify;
mod write_schema;

#[path = "../support/support.rs"]
mod support;
