-- segue: begin-concurrent-migration-with: 07-partner.sql
CREATE INDEX CONCURRENTLY person_city ON person (lower(city)) WHERE city IS NOT NULL;
