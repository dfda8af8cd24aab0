//! The page of `segue serve` in a real browser.

mod gallery;
mod live;
mod look;
mod matrix;
mod states;
mod views;

#[path = "../support/support.rs"]
mod support;
