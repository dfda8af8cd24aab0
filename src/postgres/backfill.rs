//! What a backfill asks the server beside its batches.

pub mod signals;
