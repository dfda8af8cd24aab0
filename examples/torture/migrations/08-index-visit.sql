-- segue: begin-concurrent-migration-with: 07-partner.sql
CREATE INDEX CONCURRENTLY visit_length ON visit (length);
