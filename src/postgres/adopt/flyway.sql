-- The last row of a version, or of a script that is run again and again, counts. A migration that
-- was undone, or deleted from the history, is not applied.
SELECT coalesce(version, script), pg_catalog.concat_ws(' ', version, description),
       pg_catalog.to_char(installed_on::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       1000 * execution_time::bigint, 0, checksum,
       CASE WHEN NOT success THEN 'failed'
            WHEN type IN ('BASELINE', 'SQL_BASELINE', 'JDBC_BASELINE') THEN 'baseline'
            ELSE 'applied' END
  FROM (SELECT DISTINCT ON (coalesce(version, script)) *
          FROM :table
         WHERE type <> 'SCHEMA'
         ORDER BY coalesce(version, script), installed_rank DESC) AS last
 WHERE type <> 'DELETE' AND type NOT LIKE 'UNDO%'
 ORDER BY installed_rank
