//! All rules: a rule is its file in `lint/rules/` and its page in `rules/`.

use super::Rule;

mod attach_partition_scans;
mod column_becomes_required;
mod domain_constraint_scans;
mod drop_cascade;
mod exclusion_constraint;
mod index_not_concurrently;
mod lock_table;
mod long_statement_under_lock;
mod refresh_not_concurrently;
mod rename_breaks_code;
mod row_security_without_policy;
mod several_strong_locks;
mod truncate_cascade;
mod vacuum_full_cluster;

/// All rules, in the order in which `segue explain` lists them.
pub const TABLE: &[Rule] = &[
    index_not_concurrently::RULE,
    rename_breaks_code::RULE,
    vacuum_full_cluster::RULE,
    refresh_not_concurrently::RULE,
    exclusion_constraint::RULE,
    domain_constraint_scans::RULE,
    attach_partition_scans::RULE,
    long_statement_under_lock::RULE,
    several_strong_locks::RULE,
    lock_table::RULE,
    column_becomes_required::RULE,
    row_security_without_policy::RULE,
    truncate_cascade::RULE,
    drop_cascade::RULE,
];
