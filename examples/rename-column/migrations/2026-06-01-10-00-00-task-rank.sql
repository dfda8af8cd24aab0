-- segue: end-concurrent-migration: 2026-03-02-10-05-00-index-deadline.sql
-- segue: allow: rename-breaks-code, code 1.x is stopped for it
-- segue: allow: set-not-null-scans, nobody works meanwhile
-- segue: schema-version: 2.0.0
UPDATE tasks SET rank = 1000 WHERE rank IS NULL;
ALTER TABLE tasks ALTER COLUMN rank SET NOT NULL;
ALTER TABLE tasks RENAME COLUMN rank TO task_rank;
