-- segue: end-concurrent-migration: 2026-05-04-10-05-00-index-state.sql

-- The house rule for names came after the index.
ALTER INDEX orders_by_state RENAME TO orders_state_placed_at;
