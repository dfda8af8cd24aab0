-- segue: begin-concurrent-migration-with: 2026-03-02-10-00-00-deadline.sql
CREATE INDEX CONCURRENTLY tasks_deadline ON tasks (deadline) WHERE NOT is_done;
