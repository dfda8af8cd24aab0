-- Vacuums of table :relation, of its partitions and of what is stored beside
-- them. Where our rights end, autovacuum's workers are known by their lock: they
-- are the ones without a user. One that only analyzes has the same lock.
SELECT coalesce(pg_catalog.json_agg(DISTINCT pg_catalog.jsonb_build_object(
           'relation', o.relation::pg_catalog.regclass::pg_catalog.text,
           'is_to_prevent_wraparound', coalesce(v.query LIKE 'autovacuum: %(to prevent wraparound)', false))), '[]')
  FROM (SELECT p.relid, a.query
          FROM pg_catalog.pg_stat_progress_vacuum AS p
          LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = p.pid
         WHERE p.datname = pg_catalog.current_database()
         UNION
        SELECT l.relation, NULL
          FROM pg_catalog.pg_locks AS l
          JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
         WHERE l.locktype = 'relation'
           AND l.granted
           AND l.mode = 'ShareUpdateExclusiveLock'
           AND a.datname = pg_catalog.current_database()
           AND a.usesysid IS NULL
           AND NOT :sees_all) AS v
 CROSS JOIN LATERAL (
           SELECT CASE WHEN t.relkind = 't'
                       THEN (SELECT c.oid FROM pg_catalog.pg_class AS c WHERE c.reltoastrelid = t.oid)
                       ELSE t.oid END AS relation
             FROM pg_catalog.pg_class AS t
            WHERE t.oid = v.relid) AS o
 WHERE o.relation = :relation
    OR :relation IN (SELECT t.relid FROM pg_catalog.pg_partition_ancestors(o.relation) AS t)
