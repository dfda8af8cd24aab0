WITH RECURSIVE named AS (
    SELECT r.place, coalesce(i.indrelid, c.oid) AS oid
      FROM (VALUES :relations) r (place, name)
      JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(r.name)
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
     WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I')
), tree AS (
    SELECT DISTINCT n.oid AS root, n.oid FROM named n
     UNION
    SELECT t.root, h.inhrelid FROM tree t JOIN pg_catalog.pg_inherits h ON h.inhparent = t.oid
), used AS (
    SELECT t.root,
           sum(pg_catalog.pg_stat_get_numscans(t.oid)
             + pg_catalog.pg_stat_get_tuples_inserted(t.oid)
             + pg_catalog.pg_stat_get_tuples_updated(t.oid)
             + pg_catalog.pg_stat_get_tuples_deleted(t.oid)
             + coalesce((SELECT sum(pg_catalog.pg_stat_get_numscans(i.indexrelid))
                           FROM pg_catalog.pg_index i WHERE i.indrelid = t.oid), 0)) AS uses,
           bool_or(t.oid IN (SELECT l.relation FROM pg_catalog.pg_locks l
                              WHERE l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
                                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                                   WHERE d.datname = pg_catalog.current_database()))) AS is_in_use
      FROM tree t
     GROUP BY t.root
)
SELECT n.place, n.oid::pg_catalog.regclass, u.uses::pg_catalog.int8, u.is_in_use
  FROM named n JOIN used u ON u.root = n.oid
