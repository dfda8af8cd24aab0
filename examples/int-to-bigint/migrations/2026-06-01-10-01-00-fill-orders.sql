-- segue: begin-concurrent-migration-with: 2026-06-01-10-00-00-wide-numbers.sql
-- segue: backfill: orders by id within 7 days
UPDATE orders SET id_wide = id WHERE id > :lower AND id <= :upper;
