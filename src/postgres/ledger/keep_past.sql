INSERT INTO segue.past AS p (project, major, applied, deployment, snapshot)
SELECT :project, :major,
       pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce(
           pg_catalog.string_agg(m.checksum, ' ' ORDER BY m.checksum), ''), 'UTF8')), 'hex'),
       :deployment, :snapshot
  FROM segue.migration m
 WHERE m.project = :project AND m.state = 'applied'
   AND :which
       -- What others have applied since it was read, it may lack.
HAVING (:others) = :known
ON CONFLICT (project, major, applied) :conflict
