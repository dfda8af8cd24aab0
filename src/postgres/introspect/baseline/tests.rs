use std::collections::BTreeSet;

use super::{ALWAYS, EVERYWHERE, QUERIES};

/// Names of catalogs and views in a query: what FROM and JOIN name.
fn catalogs(sql: &str) -> BTreeSet<&str> {
    let mut words = sql
        .lines()
        .filter(|line| !line.trim_start().starts_with("-- "))
        .flat_map(str::split_whitespace);
    let mut catalogs = BTreeSet::new();
    while let Some(word) = words.next() {
        if (word == "FROM" || word == "JOIN")
            && let Some(name) = words
                .next()
                .and_then(|name| name.strip_prefix("pg_catalog.pg_"))
            && !name.contains('(')
        {
            catalogs.insert(name.trim_matches(|one: char| !one.is_alphanumeric() && one != '_'));
        }
    }
    catalogs
}

/// What a query reads and the listing does not have would not be read again.
#[test]
fn the_listing_has_every_catalog_that_a_query_reads() {
    let mut listed = catalogs(include_str!("../listing.sql"));
    listed.extend(catalogs(EVERYWHERE));
    let mut read = BTreeSet::new();
    for query in QUERIES
        .iter()
        .filter(|query| !ALWAYS.contains(&query.catalog))
    {
        read.extend(catalogs(query.sql));
    }
    assert!(read.len() > 30, "{read:?}");
    let missing: Vec<_> = read.difference(&listed).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// An object whose catalog is not in the listing would count as gone.
#[test]
fn the_listing_has_every_catalog_of_objects() {
    let listing = include_str!("../listing.sql");
    for query in QUERIES
        .iter()
        .filter(|query| !ALWAYS.contains(&query.catalog))
    {
        let name = format!("'pg_catalog.{}'::pg_catalog.regclass", query.catalog);
        assert!(listing.contains(&name), "{name}");
    }
}
