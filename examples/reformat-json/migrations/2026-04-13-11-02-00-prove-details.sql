-- segue: begin-concurrent-migration-with: 2026-04-13-11-00-00-add-details.sql
ALTER TABLE account VALIDATE CONSTRAINT account_formats;
