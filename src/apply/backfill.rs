//! Runs a backfill, batch by batch.

mod news;

pub use news::News;
