-- What is tried where code of the database's own runs only where something names it: no cast of theirs,
-- that might be anywhere. It closes what was opened under a name, and opens another.
SET ROLE app;

CREATE TABLE vault (id int PRIMARY KEY, name text NOT NULL, email text, ssn text);
INSERT INTO vault VALUES
    (1, 'one', 'kq7zxv41wm@leak.example', 'kq7zxv41wm'), (2, 'two', 'two@elsewhere.example', 'two');

CREATE FUNCTION opens() RETURNS refcursor LANGUAGE plpgsql
    AS $$ DECLARE c refcursor := 'opened'; BEGIN OPEN c FOR SELECT email FROM public.vault; RETURN c; END $$;
CREATE FUNCTION reopens() RETURNS refcursor LANGUAGE plpgsql
    AS $$ DECLARE c refcursor := 'opened';
        BEGIN CLOSE c; OPEN c FOR SELECT email || '' FROM public.vault; RETURN c; END $$;
CREATE FUNCTION runs(text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE $1; RETURN 1; END $$;
CREATE FUNCTION prepares() RETURNS int LANGUAGE plpgsql
    AS $$ BEGIN DEALLOCATE s; PREPARE s AS SELECT email || '' FROM public.vault; RETURN 1; END $$;
CREATE FUNCTION reopening() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM public.reopens(); RETURN NEW; END $$;

CREATE TABLE soon (id int);
CREATE TRIGGER reopens AFTER INSERT ON soon FOR EACH ROW EXECUTE FUNCTION reopening();
CREATE TABLE late (id int);
CREATE CONSTRAINT TRIGGER reopens AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION reopening();
CREATE TABLE emptied (id int);
CREATE FUNCTION reopening_once() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM public.reopens(); RETURN NULL; END $$;
CREATE TRIGGER reopens AFTER TRUNCATE ON emptied EXECUTE FUNCTION reopening_once();
CREATE TABLE emptied_along (id int PRIMARY KEY);
ALTER TABLE emptied ADD FOREIGN KEY (id) REFERENCES emptied_along;
CREATE VIEW behind AS SELECT id, public.reopens()::text AS by_it FROM vault WHERE id = 1;

RESET ROLE;
ANALYZE public.vault;
