-- segue: begin-concurrent-migration-with: 2026-06-01-10-00-00-wide-numbers.sql
-- The proof: reads each table once, while everybody writes.
ALTER TABLE orders VALIDATE CONSTRAINT orders_id_wide_check;
ALTER TABLE order_line VALIDATE CONSTRAINT order_line_order_id_wide_check;
ALTER TABLE payment VALIDATE CONSTRAINT payment_order_id_wide_check;
