//! The schema is verified: in the batch, after the tail, by `segue verify`.

mod batch;
mod case;
mod command;
mod drift;
mod each_kind;
mod half_way;
mod places;
mod tail;
mod trouble;
