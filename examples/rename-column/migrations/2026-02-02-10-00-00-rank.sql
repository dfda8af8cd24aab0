ALTER TABLE tasks ADD COLUMN rank integer;
