SELECT version, pg_catalog.concat_ws(' ', version, name),
       CASE WHEN applied_on ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$'
            THEN pg_catalog.to_char(applied_on::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
       NULL, 0, checksum, 'applied'
  FROM :table
 ORDER BY version
