-- segue: begin-concurrent-migration-with: 2026-10-05-10-00-00-end-aborting.sql
ALTER TABLE jobs VALIDATE CONSTRAINT jobs_not_aborting;
