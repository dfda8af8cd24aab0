//! Tests of the program that need no server.

mod arguments;
mod configuration;
mod expected;
mod explain;
mod laws;
mod project;
mod reference;
mod statement;

#[path = "../support/support.rs"]
mod support;
