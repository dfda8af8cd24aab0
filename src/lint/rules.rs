//! All rules: a rule is its file in `lint/rules/` and its page in `rules/`.

use super::Rule;

mod add_column_rewrites;
mod attach_partition_scans;
mod backfill_leaves_rows;
mod backfill_not_idempotent;
mod backfill_overwrites;
mod check_not_valid;
mod column_becomes_required;
mod concurrent_if_not_exists;
mod constraint_builds_index;
mod domain_constraint_scans;
mod drop_breaks_code;
mod drop_cascade;
mod drop_index_not_concurrently;
mod enum_value_used_in_transaction;
mod exclusion_constraint;
mod foreign_key_not_valid;
mod index_not_concurrently;
mod lock_table;
mod long_statement_under_lock;
mod refresh_not_concurrently;
mod refused_in_transaction;
mod reindex_not_concurrently;
mod rename_breaks_code;
mod row_security_without_policy;
mod set_not_null_scans;
mod several_strong_locks;
mod timeout_kills_build;
mod truncate_cascade;
mod type_change_rewrites;
mod unproven_backfill;
mod vacuum_full_cluster;

/// All rules, in the order in which `segue explain` lists them.
pub const TABLE: &[Rule] = &[
    add_column_rewrites::RULE,
    attach_partition_scans::RULE,
    backfill_leaves_rows::RULE,
    backfill_not_idempotent::RULE,
    backfill_overwrites::RULE,
    check_not_valid::RULE,
    column_becomes_required::RULE,
    concurrent_if_not_exists::RULE,
    constraint_builds_index::RULE,
    domain_constraint_scans::RULE,
    drop_breaks_code::RULE,
    drop_cascade::RULE,
    drop_index_not_concurrently::RULE,
    enum_value_used_in_transaction::RULE,
    exclusion_constraint::RULE,
    foreign_key_not_valid::RULE,
    index_not_concurrently::RULE,
    lock_table::RULE,
    long_statement_under_lock::RULE,
    refresh_not_concurrently::RULE,
    refused_in_transaction::RULE,
    reindex_not_concurrently::RULE,
    rename_breaks_code::RULE,
    row_security_without_policy::RULE,
    set_not_null_scans::RULE,
    several_strong_locks::RULE,
    timeout_kills_build::RULE,
    truncate_cascade::RULE,
    type_change_rewrites::RULE,
    unproven_backfill::RULE,
    vacuum_full_cluster::RULE,
];
