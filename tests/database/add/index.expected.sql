-- segue: begin-concurrent-migration-with: [time]-create-t.sql
-- segue: schema-diff-begin
-- Written by `segue add`, not to be edited: what this migration changes, for each major version of PostgreSQL.
-- {
--   "NN": [
--     {
--       "object": ["public", "table", "t"],
--       "path": ["indexes", "i"],
--       "after": {"definition": "CREATE INDEX i ON public.t USING btree (a)"}
--     }
--   ]
-- }
-- segue: schema-diff-end

CREATE INDEX CONCURRENTLY i ON t (a);
