SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce(
           pg_catalog.string_agg(m.checksum, ' ' ORDER BY m.checksum), ''), 'UTF8')), 'hex')
  FROM segue.migration m
 WHERE m.project = :project AND m.state = 'applied'
   AND m.deployment IS DISTINCT FROM :deployment
