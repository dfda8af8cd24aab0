-- The new code reads and writes this column. A constant default costs no
-- rewrite of the table, whatever its size.
ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'placed';
