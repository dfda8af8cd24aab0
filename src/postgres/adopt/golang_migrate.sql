-- -1 is what a failed first way down leaves: no version.
SELECT version, version, NULL, NULL, 0, NULL,
       CASE WHEN dirty THEN 'failed' ELSE 'up to' END
  FROM :table
 WHERE version >= 0 OR dirty
 ORDER BY version DESC
 LIMIT 1
