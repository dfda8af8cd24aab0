-- By the primary's clock alone: up to when this standby has replayed, and when
-- the last sign of life was written. Both are old where the network is slow.
SELECT extract(epoch FROM greatest(
           pg_catalog.pg_last_xact_replay_timestamp(),
           -- Seen with pg_read_all_stats only.
           (SELECT r.last_msg_send_time
              FROM pg_catalog.pg_stat_get_wal_receiver() AS r
             WHERE r.written_lsn <= pg_catalog.pg_last_wal_replay_lsn()))
       - pg_catalog.max(updated_at))
  FROM segue.progress
 WHERE project = :project
HAVING pg_catalog.bool_or(file = '' AND phase = :phase)
