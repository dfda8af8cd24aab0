WITH RECURSIVE tree (oid) AS (
  SELECT :oid::pg_catalog.oid
  UNION ALL
  SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
), leaf AS (
  SELECT n.nspname, c.relname, c.reltuples::pg_catalog.float8 AS rows, c.relpages,
         pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8 AS blocks,
         pg_catalog.pg_stat_get_mod_since_analyze(c.oid) AS changes
  FROM tree
  JOIN pg_catalog.pg_class c ON c.oid = tree.oid AND c.relkind IN ('r', 'm')
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
)
SELECT coalesce(pg_catalog.sum(blocks), 0),
       coalesce(pg_catalog.sum(rows / relpages * blocks) FILTER (WHERE relpages > 0 AND rows >= 0), 0),
       coalesce(pg_catalog.bool_and(relpages > 0 AND rows >= 0), true),
       -- VACUUM and CREATE INDEX count rows as well, and make no histogram.
       coalesce(pg_catalog.bool_and(EXISTS (
         SELECT FROM pg_catalog.pg_stats s
         WHERE s.schemaname = nspname AND s.tablename = relname AND s.attname = :column
           AND (s.histogram_bounds IS NOT NULL OR s.most_common_vals IS NOT NULL)
       )), true),
       coalesce(pg_catalog.sum(changes) / greatest(pg_catalog.sum(rows) FILTER (WHERE rows > 0), 1), 0)
FROM leaf WHERE blocks > 0
