//! All rules: a rule is its file in `lint/rules/` and its page in `rules/`.

use super::Rule;

mod index_not_concurrently;
mod rename_breaks_code;

/// All rules, in the order in which `segue explain` lists them.
pub const TABLE: &[Rule] = &[index_not_concurrently::RULE, rename_breaks_code::RULE];
