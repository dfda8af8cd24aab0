-- The last row of a version counts; version 0 stands for an empty database.
SELECT version_id, version_id,
       pg_catalog.to_char(tstamp::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       NULL, 0, NULL, 'applied'
  FROM (SELECT DISTINCT ON (version_id) version_id, tstamp, is_applied
          FROM :table
         ORDER BY version_id, id DESC) AS last
 WHERE is_applied AND version_id > 0
 ORDER BY version_id
