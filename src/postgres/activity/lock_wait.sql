-- Read once: the server stops all lock traffic for it.
WITH locks AS MATERIALIZED (
    SELECT l.pid, l.granted, l.mode, l.virtualtransaction, l.waitstart, l.locktype, l.relation, l.classid, l.objid,
           l.transactionid,
           pg_catalog.json_build_array(l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid,
                                       l.transactionid, l.classid, l.objid, l.objsubid)::pg_catalog.text AS lock
      FROM pg_catalog.pg_locks l
), wait AS (
    SELECT l.lock, l.locktype,
           -- Who waits for a row's writer holds the row's own lock meanwhile.
           coalesce(l.relation, (SELECT t.relation FROM locks t
                                  WHERE t.pid = :pid AND t.granted AND t.locktype = 'tuple' LIMIT 1)) AS relation,
           CASE WHEN l.locktype = 'object'
                THEN pg_catalog.pg_describe_object(l.classid, l.objid, 0) END AS object,
           extract(epoch FROM pg_catalog.clock_timestamp() - l.waitstart) AS age
      FROM locks l
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
       pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       pg_catalog.to_char(a.query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       w.relation, coalesce(w.relation::pg_catalog.regclass::pg_catalog.text, w.object), w.age, w.locktype, w.lock,
       h.virtualtransaction, h.keeps
  FROM wait w
  -- A build waits for the snapshot of this very look now and then.
  LEFT JOIN blocking b ON b.pid NOT IN (0, pg_catalog.pg_backend_pid())
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
  LEFT JOIN LATERAL (
       SELECT min(l.virtualtransaction) AS virtualtransaction,
              -- What a session rather than a transaction holds is as strong as
              -- this: builds, VACUUM, advisory locks. One that is shared is
              -- segue.require's, which is the transaction's.
              bool_or(l.granted AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
                      AND NOT (l.locktype = 'advisory' AND l.mode = 'ShareLock')) AS keeps
         FROM locks l
        WHERE l.pid = b.pid AND l.lock = w.lock
       ) h ON true
UNION ALL
-- A prepared transaction has no process: pg_blocking_pids() says 0. It holds
-- the lock on its own transaction id, and by that its other locks are known,
-- whichever virtual transaction they are booked under.
SELECT 0, p.owner, NULL, NULL,
       extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared),
       NULL, NULL, NULL,
       p.gid,
       pg_catalog.to_char(p.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), NULL,
       w.relation, coalesce(w.relation::pg_catalog.regclass::pg_catalog.text, w.object), w.age, w.locktype, w.lock,
       h.virtualtransaction, false
  FROM wait w
  JOIN locks h ON h.pid IS NULL AND h.granted AND h.lock = w.lock
  JOIN locks x ON x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = h.virtualtransaction
  JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid
 WHERE 0 IN (SELECT pid FROM blocking)
 ORDER BY 1, 9
