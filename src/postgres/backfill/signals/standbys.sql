-- Who receives WAL and replays it. A base backup does not; nor does an archive
-- by pg_receivewal, which says so seldom where it is that nothing follows.
-- Where our rights end all but the name is NULL.
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
           'application', coalesce(r.application_name, ''),
           'address', coalesce(pg_catalog.host(r.client_addr), 'pid ' || r.pid),
           'is_seen', r.state IS NOT NULL,
           'replayed', r.replay_lsn - '0/0',
           'lag', extract(epoch FROM r.replay_lag)) ORDER BY r.application_name, r.pid), '[]')
  FROM pg_catalog.pg_stat_replication AS r
 WHERE r.state IS NULL
    OR r.state <> 'backup' AND r.replay_lsn IS NOT NULL
