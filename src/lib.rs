//! segue applies plain SQL migrations to PostgreSQL without stopping the
//! application.
//!
//! This is the library, for programs that migrate at start. A [`Deployment`]
//! has two halves: the *batch*, all pending migrations that are quick, in one
//! transaction, after which the program may serve; and the *tail*, what is slow
//! or refuses a transaction, `CREATE INDEX CONCURRENTLY` for example, which
//! runs while it does.
//!
//! ```no_run
//! use segue::{Deployment, Embedded};
//!
//! # mod segue_embed { pub static MIGRATIONS: segue::Embedded = segue::Embedded::new(&[]); }
//! # use segue_embed::MIGRATIONS;
//! // With `segue_build::embed("migrations");` in build.rs:
//! // static MIGRATIONS: Embedded = segue::embed!();
//!
//! # async fn serve() {}
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let deployment = Deployment::new(&MIGRATIONS)
//!     .database(std::env::var("DATABASE_URL")?)
//!     .project("shop");
//!
//! let ready = deployment.up().await?; // the schema is what this program needs
//! let stopper = deployment.stopper();
//! let tail = tokio::spawn(ready.settle()); // indexes are built in the background
//!
//! serve().await;
//!
//! stopper.stop(); // what is being built goes on in the server
//! if let Err(error) = tail.await? {
//!     eprintln!("{error}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `examples/library` is a whole program of this kind.
//!
//! # Many instances
//!
//! Any number of them may start at once, each with the same call: one applies,
//! the others wait for it, and take over if it dies. Where only a job migrates,
//! the others call [`Deployment::wait_ready`]. The program `segue` sees the
//! same ledger: `segue status` shows what a library's run does, `segue settle`
//! goes on after it.
//!
//! # What it leaves alone
//!
//! It prints nothing, installs no signal handler, panic hook, `tracing`
//! subscriber or TLS provider, never ends the process, and reads neither the
//! environment nor `segue.toml`; [`Deployment::environment`] and
//! [`Deployment::schema_rules`] take what they say. Its futures are `Send`, run
//! on either of tokio's runtimes with time and I/O enabled, and can be dropped
//! at any time: see [`Deployment`]. What is read or parsed before anything
//! runs takes the thread of the runtime for as long as that takes,
//! milliseconds but for files of many megabytes.
//!
//! Where the text of an error names an option of the program, `--retry-for`
//! for example, the method of the same name sets it here.
//!
//! # Features
//!
//! `cli`, by default: the program `segue`, and what only that needs. A program
//! that uses the library takes `default-features = false`.
//!
//! # What stays the same
//!
//! By semantic versioning: what this page lists, and in the database, ledger
//! and notifications as `docs/ledger.md` has them. An older version of the
//! library meets a newer ledger with an error, never with a guess. Types
//! marked `non_exhaustive` grow. The modules that this page does not list are
//! public for the program, its tests and its benchmarks, and change with each
//! version; so do the texts of errors and events.

pub use deployment::{
    BackfillSignals, Committed, Deployment, Embedded, EmbeddedFile, Error, Event, Events,
    InvalidPattern, Migrations, OnConflict, OnMismatch, Partly, Problem, Ready, SchemaRules,
    Settled, Stopper, Tail, Unsettled, Vacuums,
};

// The pipeline behind it, in the order of the work:
//
// files → Source → Migration → Graph ─┬→ Plan → Events → Snapshot → Diff → Verdict
//                 database → History ─┘

// Pure: values in, values out.
#[doc(hidden)]
pub mod text;

#[doc(hidden)]
pub mod project;

#[doc(hidden)]
pub mod version;

#[doc(hidden)]
pub mod compatibility;

#[doc(hidden)]
pub mod diagnostic;

#[doc(hidden)]
pub mod schema;

#[doc(hidden)]
pub mod statement;

#[doc(hidden)]
pub mod backfill;

#[doc(hidden)]
pub mod directive;

#[doc(hidden)]
pub mod migration;

#[doc(hidden)]
pub mod backoff;

#[doc(hidden)]
pub mod history;

#[doc(hidden)]
pub mod gate;

#[doc(hidden)]
pub mod readiness;

#[doc(hidden)]
pub mod duty;

#[doc(hidden)]
pub mod status;

#[doc(hidden)]
pub mod matrix;

#[doc(hidden)]
pub mod page;

#[doc(hidden)]
pub mod graph;

#[doc(hidden)]
pub mod ending;

#[doc(hidden)]
pub mod adopt;

#[doc(hidden)]
pub mod plan;

#[doc(hidden)]
pub mod reversal;

#[doc(hidden)]
pub mod forecast;

#[doc(hidden)]
pub mod procedure;

#[doc(hidden)]
pub mod lint;

#[doc(hidden)]
pub mod verify;

#[doc(hidden)]
pub mod sample;

#[doc(hidden)]
pub mod rehearsal;

#[doc(hidden)]
pub mod visit;

// Shell: talks to the world, decides nothing.
#[doc(hidden)]
pub mod files;

#[doc(hidden)]
pub mod postgres;

#[doc(hidden)]
pub mod apply;

#[doc(hidden)]
pub mod deployment;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod serve;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
