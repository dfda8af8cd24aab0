-- A time without its zone: that of the session that wrote it, which was the server's own unless
-- somebody had changed it.
SELECT version, version,
       pg_catalog.to_char(run_on::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       NULL, 0, NULL, 'applied'
  FROM :table
 ORDER BY version
