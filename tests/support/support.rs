//! What the tests share. A test binary has it by
//! `#[path = "../support/support.rs"] mod support;`.
//!
//! - [`Project`]: a folder of migrations, and the real program run in it
//! - [`Server`], [`TestDatabase`], [`TestSession`]: a real PostgreSQL, with one
//!   fresh database per test
//! - [`PgBouncer`]: a real pooler in front of a database
//! - [`Browser`]: a real Chromium without a window
//! - [`Proxy`]: a connection that fails when told to
//! - [`secret`]: a password that must not come out anywhere
//! - [`HaProxy`]: a real load balancer; [`http`]: a client
//! - [`snapshot`]: a database's schema, and comparing it
//! - [`wait_until`]: polls with a bound, in place of sleeping

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary compiles all of it and uses its part"
)]

mod background;
mod browser;
mod database;
pub mod ddl_steps;
mod deployment;
mod expected;
mod haproxy;
pub mod http;
mod library;
mod pgbouncer;
mod project;
mod proxy;
pub mod secret;
mod server;
mod session;
mod snapshot;
mod up;
mod wait;

pub use background::Background;
pub use browser::{Browser, Log, Scheme};
pub use database::TestDatabase;
pub use expected::{assert_file, assert_text, dedent};
pub use haproxy::HaProxy;
pub use library::{LibrarySession, target};
pub use pgbouncer::PgBouncer;
pub use project::{Project, Run};
pub use proxy::{Action, At, Heard, Proxy};
pub use server::{Server, options as server_options, runtime as server_runtime};
pub use session::{Pending, TestSession};
pub use snapshot::{
    assert_objects, assert_same_snapshot, check_objects, dump, dump_and_restore, of_version,
    pretty, restore, rich_schema, run_with_roles, snapshot, snapshot_with_roles,
};
pub use up::{Up, settings};
pub use wait::{PATIENCE, wait_for, wait_until};

/// The program under test.
pub const SEGUE: &str = env!("CARGO_BIN_EXE_segue");
