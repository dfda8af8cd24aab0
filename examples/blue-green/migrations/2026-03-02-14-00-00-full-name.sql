-- Expand: `full_name` takes the place of `name`. Until the old code is gone,
-- both are there and hold the same, whoever writes.
ALTER TABLE person ADD COLUMN full_name text;

CREATE FUNCTION person_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.name := coalesce(NEW.name, NEW.full_name);
        NEW.full_name := coalesce(NEW.full_name, NEW.name);
    ELSIF NEW.name IS DISTINCT FROM OLD.name THEN
        NEW.full_name := NEW.name;
    ELSE
        NEW.name := NEW.full_name;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER person_names BEFORE INSERT OR UPDATE ON person
    FOR EACH ROW EXECUTE FUNCTION person_names();

UPDATE person SET full_name = name;
