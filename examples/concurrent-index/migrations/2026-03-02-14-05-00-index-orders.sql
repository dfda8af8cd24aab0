-- segue: begin-concurrent-migration-with: 2026-03-02-14-00-00-add-col.sql

-- For the page with a customer's orders by state. It works without the index,
-- slowly, so nobody has to wait until three million rows are sorted.
CREATE INDEX CONCURRENTLY orders_by_state ON orders (state, email, placed_at);
