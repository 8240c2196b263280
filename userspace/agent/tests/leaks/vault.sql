-- What the leaks are tried on: each sensitive column holds the canary in its own way, and whatever
-- could carry it elsewhere is there already, made by who owns the database.
SET ROLE app;

CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE contact AS (label text, email text);
CREATE TYPE holder AS (title text, reached contact);

CREATE TABLE firms (id int PRIMARY KEY, name text);
INSERT INTO firms VALUES (1, 'weir'), (2, 'dam');

CREATE TABLE vault (
    id             int PRIMARY KEY CONSTRAINT positive CHECK (id > 0),
    firm_id        int NOT NULL REFERENCES firms ON UPDATE CASCADE ON DELETE SET NULL,
    name           text NOT NULL,
    email          mail UNIQUE,
    ssn            varchar(20) UNIQUE,
    account_number bigint,
    card_number    numeric,
    dob            date,
    secret         uuid,
    api_key        bytea,
    phone          text[],
    password       jsonb
);
INSERT INTO vault VALUES (
    1, 1, 'one', 'kq7zxv41wm@leak.example', 'kq7zxv41wm', 7391845620193846, 7391845620193846,
    '1931-07-19', '5f0c1d6e-93b7-4a41-8e2d-c4b7aa19f06d', 'kq7zxv41wm', '{"kq7zxv41wm"}',
    '{"is": "kq7zxv41wm"}'
), (2, 2, 'two', 'two@elsewhere.example', 'two', 2, 2, '1990-01-01', NULL, 'two', '{}', '{}');

CREATE TABLE logins (email text PRIMARY KEY REFERENCES vault (email) DEFERRABLE, at date);
INSERT INTO logins VALUES ('kq7zxv41wm@leak.example', '2026-01-01');

-- Other ways to the same columns.
CREATE VIEW readers AS SELECT id, email AS reached_at, name FROM vault;
CREATE VIEW shouting AS SELECT id, upper(reached_at) AS loud FROM readers;
CREATE VIEW nameless AS SELECT id, name FROM vault;
CREATE VIEW both_ways AS SELECT id, email FROM vault UNION ALL SELECT id, name FROM vault;
CREATE VIEW twofold AS SELECT id, account_number || ' ' || email AS mixed FROM vault;
CREATE MATERIALIZED VIEW kept AS SELECT id, email AS copy FROM vault;
CREATE VIEW samples AS SELECT tablename, most_common_vals::text, histogram_bounds::text AS bounds
    FROM pg_stats WHERE tablename = 'vault';
CREATE VIEW chosen AS SELECT v.x FROM vault JOIN (VALUES ('kq7zxv41wm')) v (x) ON v.x = ssn;
CREATE VIEW spelt AS SELECT email AS ":resjunk", name AS ":varno 3" FROM vault;
CREATE FUNCTION whose(int) RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT email FROM public.vault WHERE id = $1 $$;
CREATE FUNCTION whole(int) RETURNS SETOF vault LANGUAGE sql STABLE
    AS $$ SELECT * FROM public.vault WHERE id = $1 $$;
CREATE FUNCTION aloud(int) RETURNS int LANGUAGE plpgsql
    AS $$ BEGIN RAISE NOTICE 'it is %', (SELECT email FROM public.vault WHERE id = $1); RETURN 1; END $$;
CREATE FUNCTION fails(int) RETURNS int LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'it is %', (SELECT email FROM public.vault WHERE id = $1); END $$;
CREATE FUNCTION constant() RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT email FROM public.vault WHERE id = 1 $$;
CREATE FUNCTION of_row(vault) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1.email $$;
CREATE FUNCTION opens() RETURNS refcursor LANGUAGE plpgsql
    AS $$ DECLARE c refcursor := 'opened'; BEGIN OPEN c FOR SELECT email FROM public.vault; RETURN c; END $$;
CREATE PROCEDURE gives(INOUT email text) LANGUAGE plpgsql
    AS $$ BEGIN SELECT v.email INTO email FROM public.vault v WHERE id = 1; END $$;
CREATE FUNCTION whose(int, int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT public.whose($1) $$;
CREATE OPERATOR #> (FUNCTION = whose, LEFTARG = int, RIGHTARG = int);
CREATE TYPE ticket AS (id int);
CREATE FUNCTION to_text(ticket) RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT email FROM public.vault WHERE vault.id = $1.id $$;
CREATE CAST (ticket AS text) WITH FUNCTION to_text(ticket);
CREATE AGGREGATE joined(text) (SFUNC = textcat, STYPE = text, INITCOND = '');

-- Tables that hold it inside of something.
CREATE TABLE cards (id int, owner contact, wallet holder, owners contact[]);
INSERT INTO cards VALUES (
    1, ROW('home', 'kq7zxv41wm@leak.example'), ROW('mx', ROW('home', 'kq7zxv41wm@leak.example')),
    ARRAY[ROW('home', 'kq7zxv41wm@leak.example')::contact]
);
CREATE TABLE archive (id int, was vault);
INSERT INTO archive SELECT 1, v FROM vault v WHERE id = 1;
CREATE TABLE derived (id int, email text, login text GENERATED ALWAYS AS (lower(email)) STORED);
INSERT INTO derived VALUES (1, 'kq7zxv41wm@leak.example');

-- Inheritance and partitions.
CREATE TABLE events (id int CONSTRAINT forwards CHECK (id > 0));
CREATE TABLE mailed (email text) INHERITS (events);
INSERT INTO mailed VALUES (1, 'kq7zxv41wm@leak.example');
CREATE TABLE split (id int, email text) PARTITION BY RANGE (id);
CREATE TABLE split_low PARTITION OF split FOR VALUES FROM (0) TO (10);
INSERT INTO split VALUES (1, 'kq7zxv41wm@leak.example');

-- What happens behind a write.
CREATE TABLE told (id int PRIMARY KEY);
INSERT INTO told VALUES (1);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN
        RAISE NOTICE 'it is %', (SELECT email FROM public.vault WHERE id = 1);
        PERFORM pg_notify('told', (SELECT email FROM public.vault WHERE id = 1));
        RETURN NEW;
    END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON told FOR EACH ROW EXECUTE FUNCTION tell();
CREATE VIEW told_by AS SELECT id FROM told;
CREATE TABLE tells_too (told_id int REFERENCES told ON UPDATE CASCADE);
CREATE TABLE teller (id int PRIMARY KEY);
INSERT INTO teller VALUES (1);
CREATE TABLE tale (teller_id int REFERENCES teller ON UPDATE CASCADE);
INSERT INTO tale VALUES (1);
CREATE TRIGGER tell AFTER UPDATE ON tale FOR EACH ROW EXECUTE FUNCTION tell();
CREATE FUNCTION fits(int) RETURNS bool LANGUAGE plpgsql
    AS $$ BEGIN RAISE NOTICE 'it is %', (SELECT email FROM public.vault WHERE vault.id = 1); RETURN true; END $$;
CREATE TABLE checked (id int CHECK (fits(id)));

-- What is sensitive under other spellings.
CREATE SCHEMA "Other Place";
CREATE TABLE "Other Place"."Odd Table" ("E-Mail" text, "eMail" text);
INSERT INTO "Other Place"."Odd Table" VALUES ('kq7zxv41wm@leak.example', 'kq7zxv41wm@leak.example');

RESET ROLE;
ANALYZE public.vault;
