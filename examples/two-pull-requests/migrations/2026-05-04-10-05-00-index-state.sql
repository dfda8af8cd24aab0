-- segue: begin-concurrent-migration-with: 2026-05-04-10-00-00-add-state.sql

CREATE INDEX CONCURRENTLY orders_by_state ON orders (state, placed_at);
