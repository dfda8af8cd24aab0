-- segue: begin-concurrent-migration-with: 2026-06-01-10-00-00-wide-numbers.sql
-- segue: backfill: order_line by order_id, line within 7 days
-- segue: schema-diff-begin
-- Written by `segue add`, not to be edited: what this migration changes, for each major version of PostgreSQL.
-- {
--   "14": [],
--   "15": [],
--   "16": [],
--   "17": [],
--   "18": []
-- }
-- segue: schema-diff-end
UPDATE order_line SET order_id_wide = order_id
 WHERE (order_id, line) > (:lower) AND (order_id, line) <= (:upper);
