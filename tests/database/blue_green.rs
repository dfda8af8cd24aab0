//! `examples/blue-green/` with real parts on loopback: HAProxy with the
//! configurations that lie there, two versions of an application in processes
//! of their own, customers who never stop coming, `segue serve` beside each
//! version, and `segue up`.
//!
//! Each host has an address of its own in 127.0.0.0/8, so that the ports are
//! those of the configurations.

mod customers;
mod folders;
mod host;
mod killed;
mod stage;
mod standby;
mod story;

#[path = "../../examples/blue-green/shop.rs"]
mod shop;

use shop::Version::{Blue, Green};
