//! segue applies plain SQL migrations to PostgreSQL without stopping the
//! application.
//!
//! ```text
//! files → Source → Migration → Graph ─┬→ Plan → Events → Snapshot → Diff → Verdict
//!                 database → History ─┘
//! ```

// Pure: values in, values out.
pub mod text;

pub mod diagnostic;

pub mod schema;

pub mod directive;

pub mod statement;

pub mod migration;

pub mod history;

pub mod readiness;

pub mod status;

pub mod page;

pub mod graph;

pub mod ending;

pub mod adopt;

pub mod plan;

pub mod forecast;

pub mod procedure;

pub mod lint;

pub mod verify;

pub mod rehearsal;

// Shell: talks to the world, decides nothing.
pub mod files;

pub mod postgres;

pub mod apply;

pub mod serve;

pub mod cli;
