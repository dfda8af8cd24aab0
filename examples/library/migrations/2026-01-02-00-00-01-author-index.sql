-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-author.sql
CREATE INDEX CONCURRENTLY notes_author ON notes (author);
