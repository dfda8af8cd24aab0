-- segue: begin-concurrent-migration-with: 2026-04-13-11-00-00-add-details.sql
-- segue: backfill: account by id within 2 days
UPDATE account SET details = account_details(profile) WHERE id > :lower AND id <= :upper;
