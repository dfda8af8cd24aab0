ALTER TABLE tasks ADD COLUMN deadline timestamptz;
