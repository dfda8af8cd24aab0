//! segue applies plain SQL migrations to PostgreSQL without stopping the
//! application.
//!
//! ```text
//! files → Source → Migration → Graph ─┬→ Plan → Events
//!                 database → History ─┘
//! ```

pub mod diagnostic;
pub mod directive;
pub mod postgres;
pub mod statement;
pub mod text;
