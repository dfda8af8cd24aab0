WITH wait AS (
    SELECT l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid,
           l.classid, l.objid, l.objsubid,
           extract(epoch FROM pg_catalog.clock_timestamp() - l.waitstart) AS age
      FROM pg_catalog.pg_locks l
     WHERE l.pid = :pid AND NOT l.granted
     LIMIT 1
), blocking AS (
    SELECT DISTINCT b.pid FROM wait, pg_catalog.unnest(pg_catalog.pg_blocking_pids(:pid)) AS b(pid)
)
SELECT a.pid, a.usename, coalesce(nullif(a.application_name, ''), nullif(a.backend_type, 'client backend')), a.state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start),
       extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start),
       a.wait_event_type || '/' || a.wait_event,
       pg_catalog.left(pg_catalog.regexp_replace(nullif(a.query, '<insufficient privilege>'), '[[:space:]]+', ' ', 'g'), 120),
       NULL AS gid,
       w.relation, w.relation::pg_catalog.regclass, w.age
  FROM wait w
  LEFT JOIN blocking b ON b.pid <> 0
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
UNION ALL
-- A prepared transaction has no process: pg_blocking_pids() says 0. It holds
-- the lock on its own transaction id, and by that its other locks are known,
-- whichever virtual transaction they are booked under.
SELECT 0, p.owner, NULL, NULL,
       extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared),
       NULL, NULL, NULL,
       p.gid,
       w.relation, w.relation::pg_catalog.regclass, w.age
  FROM wait w
  JOIN pg_catalog.pg_locks h ON h.pid IS NULL AND h.granted AND h.locktype = w.locktype
   AND (h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid)
       IS NOT DISTINCT FROM
       (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
  JOIN pg_catalog.pg_locks x ON x.pid IS NULL AND x.locktype = 'transactionid'
   AND x.virtualtransaction = h.virtualtransaction
  JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid
 WHERE 0 IN (SELECT pid FROM blocking)
 ORDER BY 1, 9
