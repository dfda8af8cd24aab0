-- The new code reads and writes this column.
ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'placed';
