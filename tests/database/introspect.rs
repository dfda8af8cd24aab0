//! The catalogs as a snapshot: every attribute, and what it does not depend on.

mod codd_blind;
mod everything;
mod extensions;
mod foreign;
mod made;
mod operators;
mod replication;
mod routines;
mod secrets;
mod server_wide;
mod text_search;
mod types;
