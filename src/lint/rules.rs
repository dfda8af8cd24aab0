//! All rules: a rule is its file in `lint/rules/` and its page in `rules/`.

use super::Rule;

mod add_column_rewrites;
mod check_not_valid;
mod concurrent_if_not_exists;
mod constraint_builds_index;
mod drop_breaks_code;
mod drop_index_not_concurrently;
mod enum_value_used_in_transaction;
mod foreign_key_not_valid;
mod index_not_concurrently;
mod refused_in_transaction;
mod reindex_not_concurrently;
mod rename_breaks_code;
mod set_not_null_scans;
mod timeout_kills_build;
mod type_change_rewrites;

/// All rules, in the order in which `segue explain` lists them.
pub const TABLE: &[Rule] = &[
    add_column_rewrites::RULE,
    check_not_valid::RULE,
    concurrent_if_not_exists::RULE,
    constraint_builds_index::RULE,
    drop_breaks_code::RULE,
    drop_index_not_concurrently::RULE,
    enum_value_used_in_transaction::RULE,
    foreign_key_not_valid::RULE,
    index_not_concurrently::RULE,
    refused_in_transaction::RULE,
    reindex_not_concurrently::RULE,
    rename_breaks_code::RULE,
    set_not_null_scans::RULE,
    timeout_kills_build::RULE,
    type_change_rewrites::RULE,
];
