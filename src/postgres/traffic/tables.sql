WITH RECURSIVE tree AS (
    SELECT w.place, c.oid
      FROM (VALUES :tables) w (place, namespace, name)
      JOIN pg_catalog.pg_namespace n ON n.nspname = w.namespace
      JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
     UNION
    SELECT r.place, h.inhrelid FROM tree r JOIN pg_catalog.pg_inherits h ON h.inhparent = r.oid
), sized AS (
    SELECT r.place, c.oid, c.relkind, c.reltuples, c.relpages,
           CASE WHEN c.relkind IN ('r', 'm', 'i', 'S') THEN :size_of_c ELSE 0 END AS heap,
           coalesce((SELECT :size_of_t FROM pg_catalog.pg_class t WHERE t.oid = c.reltoastrelid), 0) AS toast,
           coalesce((SELECT sum(:size_of_x) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                      WHERE i.indrelid = c.oid AND x.relkind = 'i'), 0) AS indexes,
           coalesce((SELECT sum(pg_catalog.pg_stat_get_numscans(i.indexrelid))
                       FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid), 0) AS index_scans
      FROM tree r JOIN pg_catalog.pg_class c ON c.oid = r.oid
)
SELECT s.place,
       -- The density of the last ANALYZE, on the pages of today.
       pg_catalog.round(sum(CASE
           WHEN s.relkind NOT IN ('r', 'm') OR s.heap = 0 THEN 0
           WHEN s.reltuples >= 0 AND s.relpages > 0
           THEN s.reltuples / s.relpages * (s.heap / pg_catalog.current_setting('block_size')::pg_catalog.int4)
           ELSE nullif(pg_catalog.pg_stat_get_live_tuples(s.oid), 0)
       END)::pg_catalog.numeric)::pg_catalog.int8,
       sum(s.heap)::pg_catalog.int8, sum(s.toast)::pg_catalog.int8, sum(s.indexes)::pg_catalog.int8,
       sum(pg_catalog.pg_stat_get_numscans(s.oid) + s.index_scans)::pg_catalog.float8,
       sum(pg_catalog.pg_stat_get_tuples_inserted(s.oid)
         + pg_catalog.pg_stat_get_tuples_updated(s.oid)
         + pg_catalog.pg_stat_get_tuples_deleted(s.oid))::pg_catalog.float8
  FROM sized s
 GROUP BY s.place
 ORDER BY s.place
