SELECT version, version, NULL, NULL, 0, NULL, 'applied'
  FROM :table
 ORDER BY version
