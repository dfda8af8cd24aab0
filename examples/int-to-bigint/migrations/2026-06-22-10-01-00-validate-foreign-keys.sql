-- segue: begin-concurrent-migration-with: 2026-06-22-10-00-00-swap.sql
ALTER TABLE order_line VALIDATE CONSTRAINT order_line_order_id_fkey;
ALTER TABLE payment VALIDATE CONSTRAINT payment_order_id_fkey;
