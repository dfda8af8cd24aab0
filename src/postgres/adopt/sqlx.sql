SELECT version, pg_catalog.concat_ws(' ', version, description),
       pg_catalog.to_char(installed_on AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       -- In nanoseconds; -1 where sqlx died before it could note them.
       greatest(execution_time / 1000, 0), 0,
       pg_catalog.encode(checksum, 'hex'),
       CASE WHEN success THEN 'applied' ELSE 'failed' END
  FROM :table
 ORDER BY version
