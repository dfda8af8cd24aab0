//! Backfills on a real server.

mod model;
