-- Scratch databases that this role may drop, that nobody is connected to, and
-- whose keeper is gone. A key of
-- one bigint shows in pg_locks as its two halves, with objsubid 1.
SELECT database.datname::text
FROM pg_catalog.pg_database AS database
WHERE database.datname OPERATOR(pg_catalog.~) '^segue_scratch_[0-9a-f]{16}$'
  AND pg_catalog.pg_has_role(database.datdba, 'USAGE')
  -- DROP DATABASE would wait five seconds for these before it fails.
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_stat_activity AS session
      WHERE session.datid OPERATOR(pg_catalog.=) database.oid
        AND session.backend_type OPERATOR(pg_catalog.=) 'client backend'
  )
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_locks AS held
      WHERE held.locktype OPERATOR(pg_catalog.=) 'advisory'
        AND held.objsubid OPERATOR(pg_catalog.=) 1
        AND pg_catalog.concat(
                'segue_scratch_',
                pg_catalog.lpad(pg_catalog.to_hex(held.classid::bigint), 8, '0'),
                pg_catalog.lpad(pg_catalog.to_hex(held.objid::bigint), 8, '0')
            ) OPERATOR(pg_catalog.=) database.datname::text
  )
ORDER BY 1
