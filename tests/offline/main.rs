//! Tests of the program that need no server.

mod laws;
mod project;
mod statement;

#[path = "../support/support.rs"]
mod support;
