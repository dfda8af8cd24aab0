SELECT pid, phase,
       CASE WHEN phase LIKE 'waiting for %' THEN lockers_done
            WHEN blocks_total > 0 THEN blocks_done
            WHEN tuples_total > 0 THEN tuples_done END,
       CASE WHEN phase LIKE 'waiting for %' THEN lockers_total
            WHEN blocks_total > 0 THEN blocks_total
            WHEN tuples_total > 0 THEN tuples_total END,
       nullif(current_locker_pid, 0)
  FROM pg_catalog.pg_stat_progress_create_index WHERE pid IN (:pids)
UNION ALL
SELECT pid, phase,
       CASE WHEN phase = 'vacuuming heap' THEN heap_blks_vacuumed ELSE heap_blks_scanned END,
       heap_blks_total, NULL
  FROM pg_catalog.pg_stat_progress_vacuum WHERE pid IN (:pids)
UNION ALL
SELECT pid, phase, heap_blks_scanned, nullif(heap_blks_total, 0), NULL
  FROM pg_catalog.pg_stat_progress_cluster WHERE pid IN (:pids)
UNION ALL
SELECT pid, phase, sample_blks_scanned, nullif(sample_blks_total, 0), NULL
  FROM pg_catalog.pg_stat_progress_analyze WHERE pid IN (:pids)
UNION ALL
SELECT pid, pg_catalog.lower(command), bytes_processed, nullif(bytes_total, 0), NULL
  FROM pg_catalog.pg_stat_progress_copy WHERE pid IN (:pids)
 ORDER BY 1
