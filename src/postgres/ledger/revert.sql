WITH wanted (file, revert_checksum) AS (VALUES :wanted),
taken AS (
    DELETE FROM segue.migration m
     USING wanted w
     WHERE m.project = :project AND m.file = w.file
    RETURNING m.*
)
INSERT INTO segue.reverted (project, file, checksum, kind, state, deployment, began_at, ended_at, duration, reverted_by, revert_checksum)
SELECT :project, w.file, t.checksum, t.kind, t.state, t.deployment, t.began_at, t.ended_at, t.duration, :deployment, w.revert_checksum
  FROM wanted w
  LEFT JOIN taken t ON t.file = w.file
