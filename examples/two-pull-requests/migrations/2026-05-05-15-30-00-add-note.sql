-- The same table, whose index may still be building in production: nothing here
-- needs that index, so nothing has to wait for it.
ALTER TABLE orders
    ADD COLUMN note text,
    ADD CONSTRAINT note_is_short CHECK (length(note) <= 200) NOT VALID;
