//! Tests against a real PostgreSQL, one database per test.

mod activity;
mod add;
mod adopt;
mod at;
mod backfill;
mod backfill_commands;
mod batch;
// Hosts are addresses in 127.0.0.0/8, which only Linux has without being told.
#[cfg(target_os = "linux")]
mod blue_green;
mod bootstrap;
mod check;
mod cli;
mod codd_project;
mod code_versions;
mod commit;
mod compat;
mod connect;
mod connections;
mod cuts;
mod deploy;
mod diff;
mod differential;
mod dumps;
mod env_vars;
mod fold;
mod fold_backfill;
mod forecast;
mod fresh_database;
mod hooks;
mod introspect;
mod keepalive;
mod library;
mod lint;
mod lint_fix;
mod lint_hazards;
mod lock_modes;
mod locks;
mod ordinary;
#[cfg(feature = "otel")]
mod otel;
mod places;
mod pooler;
mod project;
mod proxy;
mod renamed;
mod revert;
mod rights;
mod roles;
mod scratch;
mod secrets;
mod serve;
mod service;
mod sessions;
mod signals;
mod snapshot;
mod standalone;
mod standby;
mod statement;
mod steps;
mod stories;
mod strong_locks;
mod sync;
mod tables;
mod tail;
mod throttle;
mod throwaway;
mod torture;
mod triples;
mod verify;
mod version;
mod wait;
mod write_schema;

#[path = "../support/support.rs"]
mod support;
