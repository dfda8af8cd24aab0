ALTER TABLE customers ADD COLUMN language text NOT NULL DEFAULT 'en';
