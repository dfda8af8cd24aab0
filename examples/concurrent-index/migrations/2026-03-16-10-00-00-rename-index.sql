-- segue: end-concurrent-migration: 2026-03-02-14-05-00-index-orders.sql

-- The house rule for names came after the index.
ALTER INDEX orders_by_state RENAME TO orders_state_email_placed_at;
