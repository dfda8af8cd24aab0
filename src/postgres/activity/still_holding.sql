-- A transaction keeps its locks until it ends, or waits in the queue before us.
-- By its process alone another transaction of a busy connection would count.
SELECT DISTINCT coalesce(l.pid, 0)
  FROM pg_catalog.pg_locks l
 WHERE pg_catalog.json_build_array(l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid,
                                   l.transactionid, l.classid, l.objid, l.objsubid)::pg_catalog.text = :lock
   AND (l.virtualtransaction IN (:transactions)
        OR l.pid = ANY ('{:keepers}'::pg_catalog.int4[])
       AND l.granted AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))
 ORDER BY 1
