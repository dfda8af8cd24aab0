//! The catalogs as a snapshot: every attribute, and what it does not depend on.

mod columns;
mod constraints;
mod independent;
mod indexes;
mod privileges;
mod relations;
mod states;
mod triggers;
