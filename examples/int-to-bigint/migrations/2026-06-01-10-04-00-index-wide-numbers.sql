-- segue: begin-concurrent-migration-with: 2026-06-01-10-00-00-wide-numbers.sql
-- After the backfills, since they touch the same tables and have earlier names.
CREATE UNIQUE INDEX CONCURRENTLY orders_id_wide_key ON orders (id_wide);
CREATE UNIQUE INDEX CONCURRENTLY order_line_wide_key ON order_line (order_id_wide, line);
CREATE INDEX CONCURRENTLY payment_order_id_wide_idx ON payment (order_id_wide);
