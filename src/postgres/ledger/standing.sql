-- As JSON, times are ISO 8601 and lists are plain, whatever the session's styles.
SELECT file, relation, pg_catalog.to_json(key), pg_catalog.to_json(cursor),
       batches, rows, changed, total, batch_rows,
       (extract(epoch FROM pause) * 1000)::pg_catalog.int8,
       pg_catalog.to_json(throttled_by), pg_catalog.to_json(throttled_since) #>> '{}',
       paused_by, pg_catalog.to_json(paused_at) #>> '{}', pause_reason,
       rate, (extract(epoch FROM within) * 1000)::pg_catalog.int8,
       pg_catalog.to_json(began_at) #>> '{}', pg_catalog.to_json(finished_at) #>> '{}',
       pg_catalog.to_json(earliest_at) #>> '{}', pg_catalog.to_json(likely_at) #>> '{}',
       pg_catalog.to_json(latest_at) #>> '{}', impossible,
       quarantined, pg_catalog.to_json(updated_at) #>> '{}'
  FROM segue.backfill
 WHERE project = :project
 ORDER BY file
