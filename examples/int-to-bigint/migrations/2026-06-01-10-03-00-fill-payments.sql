-- segue: begin-concurrent-migration-with: 2026-06-01-10-00-00-wide-numbers.sql
-- segue: backfill: payment by id within 7 days
UPDATE payment SET order_id_wide = order_id WHERE id > :lower AND id <= :upper;
