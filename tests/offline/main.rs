//! Tests of the program that need no server.

mod arguments;
mod backfill;
mod configuration;
mod corpus;
mod directive;
mod directive_laws;
mod expected;
mod explain;
mod install;
mod laws;
mod lint;
mod project;
mod reference;
mod release;
mod statement;

#[path = "../support/support.rs"]
mod support;
