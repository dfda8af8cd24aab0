-- segue: begin-concurrent-migration-with: 2026-03-02-14-00-00-full-name.sql
CREATE INDEX CONCURRENTLY person_full_name ON person (full_name);
