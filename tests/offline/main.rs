//! Tests of the program that need no server.

mod project;

#[path = "../support/support.rs"]
mod support;
