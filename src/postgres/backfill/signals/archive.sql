-- Where the archive is; no row where there is none. What waits is counted in
-- its folder where we may look there, otherwise by the names of the file that
-- it took last and of the one that is being written: 8 digits of timeline, and
-- the number of the file in two parts.
SELECT pg_catalog.json_build_object(
           'waiting', coalesce(f.waiting, CASE WHEN s.last_archived_wal ~ '^[0-9A-F]{24}'
                                                AND NOT pg_catalog.pg_is_in_recovery() THEN
               greatest(0, n.current / n.bytes - 1
                           - (('x' || pg_catalog.substr(s.last_archived_wal, 9, 8))::pg_catalog.bit(32)::pg_catalog.int8
                                  * (4294967296 / n.bytes)
                              + ('x' || pg_catalog.substr(s.last_archived_wal, 17, 8))::pg_catalog.bit(32)::pg_catalog.int8))
               END),
           'failing', CASE WHEN s.last_failed_time > coalesce(s.last_archived_time, '-infinity')
                           THEN s.last_failed_wal END,
           'failing_for', extract(epoch FROM pg_catalog.clock_timestamp() - f.failing_since))
  FROM pg_catalog.pg_stat_archiver AS s
 CROSS JOIN LATERAL (
           SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS bytes,
                  CASE WHEN NOT pg_catalog.pg_is_in_recovery()
                       THEN (pg_catalog.pg_current_wal_lsn() - '0/0')::pg_catalog.int8 END AS current) AS n
 CROSS JOIN LATERAL (:folder) AS f
 WHERE pg_catalog.current_setting('archive_mode') <> 'off'
