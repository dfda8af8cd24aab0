//! The catalogs as a snapshot: every attribute, and what it does not depend on.

mod codd_blind;
mod columns;
mod constraints;
mod corners;
mod data_types;
mod everything;
mod extensions;
mod foreign;
mod independent;
mod indexes;
mod made;
mod operators;
mod privileges;
mod relations;
mod replication;
mod routines;
mod secrets;
mod server_wide;
mod states;
mod text_search;
mod triggers;
