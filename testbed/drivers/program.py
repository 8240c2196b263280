"""What psycopg 3, and so libpq, sees of a server: feature by feature, under a heading each. Run with the
server's address in libpq's variables, and in TLS_CA the certificate that it is verified by."""

import os
import threading

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

CA = os.environ["TLS_CA"]


def heading(name):
    print(f"## {name}", flush=True)


def told(error):
    """The fields of an error, but for where in the server's source it arose."""
    diag = error.diag
    names = (
        "severity_nonlocalized sqlstate message_primary message_detail message_hint "
        "statement_position internal_position internal_query context schema_name table_name "
        "column_name datatype_name constraint_name"
    )
    fields = {name: getattr(diag, name) for name in names.split() if getattr(diag, name)}
    # Sessions number their schema of temporary tables.
    if fields.get("schema_name", "").startswith("pg_temp_"):
        fields["schema_name"] = "pg_temp"
    return fields


def fails(connection, statement, *arguments, **options):
    try:
        connection.execute(statement, *arguments, **options)
        print("no error")
    except psycopg.Error as error:
        print(type(error).__name__, told(error))


def simple_and_extended(c):
    heading("simple query, several statements")
    cursor = psycopg.ClientCursor(c)
    cursor.execute("SELECT 1 AS one; SELECT 'a' AS a, NULL AS nothing; CREATE TEMP TABLE t (n int)")
    while True:
        print(cursor.statusmessage, cursor.description and cursor.fetchall())
        if not cursor.nextset():
            break
    heading("simple query, an error in the middle")
    fails(c, "SELECT 1; SELECT 1/0; SELECT 2")
    heading("empty query")
    print(c.execute("").statusmessage, c.execute("  -- nothing").statusmessage)
    heading("extended query")
    print(c.execute("SELECT %s::int + 1, %s::text, %s", [41, "ä€😀", True]).fetchall())
    heading("columns of a result")
    cursor = c.execute("SELECT 1::int2, 'x'::varchar(7), 1.5::numeric(9, 3), now()::timestamptz(2)")
    print([tuple(column) for column in cursor.description])
    heading("a prepared statement, cached and by name")
    for n in range(8):
        print(c.execute("SELECT %s * 2", [n], prepare=True).fetchone(), end=" ")
    print(c.execute("SELECT count(*) FROM pg_prepared_statements").fetchone())
    c.execute("PREPARE by_name (int) AS SELECT $1 + 1")
    print(c.execute("EXECUTE by_name (1)").fetchone())
    c.execute("PREPARE another AS SELECT 2")
    c.execute("DEALLOCATE by_name")
    fails(c, "EXECUTE by_name (1)")
    print(c.execute("EXECUTE another").fetchone())
    c.execute("DEALLOCATE ALL")
    fails(c, "EXECUTE another")
    fails(c, "DEALLOCATE another")


def formats(c):
    values = {
        "int": "'-2147483648'::int4, '9223372036854775807'::int8, '7'::int2",
        "float": "'1e-300'::float8, 'NaN'::float8, '-Infinity'::float4",
        "numeric": "'123456789012345678901234567890.000000001'::numeric, 'NaN'::numeric",
        "bytes": "'\\x00ff10'::bytea, ''::bytea",
        "text": "'it''s'::text, 'c'::char(4), ''::varchar",
        "time": "'2024-02-29 12:34:56.789+02'::timestamptz, 'infinity'::date, '1 mon 2 days'::interval",
        "arrays": "'{1,NULL,3}'::int[], '{{a,\"b c\"},{\"\\\"\",NULL}}'::text[], '[2:3]={4,5}'::int[]",
        "json": "'{\"a\": [1, 2.50, null]}'::json, '{\"b\": 1, \"a\": 2}'::jsonb",
        "network": "'192.168.0.0/24'::cidr, '::1'::inet, '08:00:2b:01:02:03'::macaddr",
        "ranges": "'[1,5)'::int4range, 'empty'::daterange, '{[1,2),[5,6)}'::int4multirange",
        "others": "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, true, B'1011'::bit(4), '(1,2)'::point",
        "row": "ROW(1, 'a', NULL), ARRAY[ROW(1, 2)]",
    }
    for binary in (False, True):
        for name, columns in values.items():
            heading(f"{'binary' if binary else 'text'} format: {name}")
            result = c.pgconn.exec_params(
                f"SELECT {columns}".encode(), [], result_format=int(binary)
            )
            for column in range(result.nfields):
                print(result.ftype(column), result.fformat(column), result.get_value(0, column))
    heading("formats chosen by the driver, both ways")
    row = [1, 2**40, 1.5, b"\0\xff", "ä", [1, 2, None], Jsonb({"a": [1]}), None]
    query = "SELECT %b::int4, %b::int8, %b::float8, %b::bytea, %b::text, %b::int4[], %b::jsonb, %b::text"
    print(c.cursor(binary=True).execute(query, row).fetchone())


def pipelines(c):
    heading("pipeline")
    with c.pipeline() as pipeline:
        cursors = [c.cursor() for _ in range(20)]
        for n, cursor in enumerate(cursors):
            cursor.execute("SELECT %s::int", [n])
        pipeline.sync()
        print([cursor.fetchone()[0] for cursor in cursors])
    heading("pipeline with errors, as libpq tells it")
    pg = c.pgconn
    pg.enter_pipeline_mode()
    for part in ("SELECT 1", "SELECT 1/0", "SELECT 3"), ("SELECT 4", "SELEC 5", "SELECT 6"), ("SELECT 7",):
        for statement in part:
            pg.send_query_params(statement.encode(), [])
        pg.pipeline_sync()
    pg.flush()
    ends = 0
    while ends < 3:
        result = pg.get_result()
        if result is None:
            continue
        status = psycopg.pq.ExecStatus(result.status)
        print(status.name, result.get_value(0, 0), result.error_field(psycopg.pq.DiagnosticField.SQLSTATE))
        ends += status == psycopg.pq.ExecStatus.PIPELINE_SYNC
    pg.exit_pipeline_mode()
    print(c.execute("SELECT 5").fetchone())
    heading("pipeline, answers asked for before its end")
    pg.enter_pipeline_mode()
    for statement in "SELECT 1", "SELECT 2":
        pg.send_query_params(statement.encode(), [])
        pg.send_flush_request()
        while pg.flush():
            pass
        print(pg.get_result().get_value(0, 0), pg.get_result())
    pg.pipeline_sync()
    pg.flush()
    print(psycopg.pq.ExecStatus(pg.get_result().status).name)
    pg.exit_pipeline_mode()
    heading("pipeline in a transaction")
    with c.transaction(), c.pipeline():
        c.execute("CREATE TEMP TABLE piped (n int) ON COMMIT DROP")
        c.cursor().executemany("INSERT INTO piped VALUES (%s)", [[n] for n in range(100)])
        print(c.execute("SELECT count(*), sum(n) FROM piped").fetchone())
    heading("executemany with RETURNING")
    c.execute("CREATE TEMP TABLE returned (id serial, n int)")
    cursor = c.cursor()
    cursor.executemany(
        "INSERT INTO returned (n) VALUES (%s) RETURNING id, n", [[3], [4]], returning=True
    )
    while True:
        print(cursor.fetchall())
        if not cursor.nextset():
            break


def copies(c):
    c.execute("CREATE TEMP TABLE copied (a int, b text)")
    for form in ("", "WITH (FORMAT csv, HEADER)", "WITH (FORMAT binary)"):
        heading(f"COPY out {form}")
        query = f"COPY (SELECT n, 'row ' || n, NULL FROM generate_series(1, 3) n) TO STDOUT {form}"
        with c.cursor().copy(query) as copy:
            print([bytes(data) for data in copy])
    heading("COPY in, rows")
    with c.cursor().copy("COPY copied FROM STDIN") as copy:
        for row in [(1, "tab\there"), (2, None), (3, "\\.")]:
            copy.write_row(row)
    print(c.execute("SELECT * FROM copied ORDER BY a").fetchall())
    heading("COPY in, CSV")
    with c.cursor().copy("COPY copied FROM STDIN (FORMAT csv, HEADER, NULL 'none')") as copy:
        copy.write('a,b\n10,"a ""quoted"", comma"\n11,none\n12,"two\nlines"\n')
    print(c.execute("SELECT * FROM copied WHERE a >= 10 ORDER BY a").fetchall())
    c.execute("DELETE FROM copied WHERE a >= 10")
    heading("COPY in, binary")
    with c.cursor().copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        copy.write_row((4, "binary"))
    print(c.execute("SELECT count(*) FROM copied").fetchone())
    heading("COPY in, large")
    with c.cursor().copy("COPY copied FROM STDIN") as copy:
        for n in range(2000):
            copy.write(f"{n}\t{'x' * 500}\n")
    print(c.execute("SELECT count(*), sum(length(b)) FROM copied").fetchone())
    heading("COPY in that the client gives up")
    try:
        with c.cursor().copy("COPY copied FROM STDIN") as copy:
            copy.write_row((5, "x"))
            raise RuntimeError("the client gives up")
    except (RuntimeError, psycopg.Error) as error:
        print(type(error).__name__, error)
    print(c.execute("SELECT count(*) FROM copied").fetchone(), c.info.transaction_status.name)
    heading("COPY in that the server refuses")
    try:
        with c.cursor().copy("COPY copied FROM STDIN") as copy:
            copy.write("no number\tx\n")
    except psycopg.Error as error:
        print(type(error).__name__, told(error))
    heading("COPY out that the client breaks off")
    try:
        with c.cursor().copy("COPY (SELECT repeat('x', 900) FROM generate_series(1, 9000)) TO STDOUT") as copy:
            print(len(copy.read()))
            raise RuntimeError("enough")
    except (RuntimeError, psycopg.Error) as error:
        print(type(error).__name__)
    print(c.execute("SELECT 1").fetchone())


def cursors(c):
    heading("a cursor on the server")
    with c.transaction():
        with c.cursor(name="plain") as cursor:
            cursor.execute("SELECT n FROM generate_series(1, 10) n")
            print(cursor.fetchmany(3), cursor.fetchone(), cursor.fetchall())
        with c.cursor(name="scrolling", scrollable=True) as cursor:
            cursor.execute("SELECT n FROM generate_series(1, 10) n")
            print(cursor.fetchmany(2))
            cursor.scroll(-1)
            print(cursor.fetchone())
            cursor.scroll(9, mode="absolute")
            print(cursor.fetchall())
    heading("a cursor WITH HOLD")
    with c.cursor(name="held", withhold=True) as cursor:
        cursor.execute("SELECT n FROM generate_series(1, 4) n")
        print(cursor.fetchmany(2), cursor.fetchall())
    heading("a cursor of SQL's, WHERE CURRENT OF")
    with c.transaction():
        c.execute("CREATE TEMP TABLE pointed ON COMMIT DROP AS SELECT n FROM generate_series(1, 3) n")
        c.execute("DECLARE points CURSOR FOR SELECT n FROM pointed FOR UPDATE")
        print(c.execute("FETCH 2 FROM points").fetchall())
        print(c.execute("UPDATE pointed SET n = 20 WHERE CURRENT OF points").statusmessage)
        print(c.execute("SELECT * FROM pointed ORDER BY n").fetchall())
    heading("row by row")
    print(sum(n for (n,) in c.cursor().stream("SELECT n FROM generate_series(1, 5000) n")))


def notifications(c):
    heading("LISTEN and NOTIFY")
    with psycopg.connect(autocommit=True) as other:
        c.execute("LISTEN here")
        other.execute("NOTIFY here, 'from another'")
        other.execute("SELECT pg_notify('here', 'by a function')")
        c.execute("NOTIFY here")
        for notify in c.notifies(timeout=20, stop_after=3):
            own = notify.pid == c.info.backend_pid
            print(notify.channel, repr(notify.payload), "own" if own else "another's")
        c.execute("UNLISTEN *")
        other.execute("NOTIFY here, 'unheard'")
        print(list(c.notifies(timeout=0.3)))
    heading("notices")
    notices = []
    c.add_notice_handler(lambda diag: notices.append((diag.severity, diag.sqlstate, diag.message_primary)))
    c.execute("DO $$ BEGIN RAISE NOTICE 'noticed %', 1; RAISE WARNING USING MESSAGE = 'warned', ERRCODE = '01234'; END $$")
    c.execute("DROP TABLE IF EXISTS never_there")
    c.execute("SET client_min_messages = error")
    c.execute("DROP TABLE IF EXISTS never_there")
    c.execute("RESET client_min_messages")
    print(notices)


def large_objects(c):
    heading("large objects, by functions")
    with c.transaction():
        oid = c.execute("SELECT lo_from_bytea(0, %b)", [b"\0\1" * 5000]).fetchone()[0]
        print(c.execute("SELECT length(lo_get(%s)), lo_get(%s, 10, 4)", [oid, oid]).fetchone())
        c.execute("SELECT lo_put(%s, 2, %b)", [oid, b"\xff"])
        print(c.execute("SELECT lo_get(%s, 0, 4)", [oid]).fetchone())
        fd = c.execute("SELECT lo_open(%s, 131072)", [oid]).fetchone()[0]
        print(fd, c.execute("SELECT lo_lseek(%s, -3, 2), loread(%s, 100)", [fd, fd]).fetchone())
        print(c.execute("SELECT lo_unlink(%s)", [oid]).fetchone())
    fails(c, "SELECT lo_get(1)")


def transactions(c):
    heading("transactions and savepoints")
    c.execute("CREATE TEMP TABLE kept (n int PRIMARY KEY)")
    with c.transaction():
        c.execute("INSERT INTO kept VALUES (1)")
        try:
            with c.transaction():
                c.execute("INSERT INTO kept VALUES (2)")
                c.execute("INSERT INTO kept VALUES (1)")
        except psycopg.errors.UniqueViolation as error:
            print(told(error))
        print(c.info.transaction_status.name)
        c.execute("INSERT INTO kept VALUES (3)")
    print(c.execute("SELECT * FROM kept").fetchall())
    heading("a transaction that has failed")
    c.execute("BEGIN")
    fails(c, "SELECT 1/0")
    print(c.info.transaction_status.name)
    fails(c, "SELECT 1")
    print(c.execute("COMMIT").statusmessage, c.info.transaction_status.name)
    heading("isolation, read only, deferrable")
    with psycopg.connect() as other:
        other.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        other.read_only = True
        other.deferrable = True
        print(other.execute("SHOW transaction_isolation").fetchone(), other.execute("SHOW transaction_read_only").fetchone())
        fails(other, "CREATE TABLE never (n int)")
    heading("two-phase commit")
    with psycopg.connect() as other:
        xid = other.xid(1, "weir", "b")
        other.tpc_begin(xid)
        other.execute("CREATE TABLE IF NOT EXISTS prepared (n int)")
        other.tpc_prepare()
        print(c.execute("SELECT gid FROM pg_prepared_xacts").fetchall())
        other.tpc_rollback()
        print(other.tpc_recover())
    heading("a deferred constraint")
    c.execute("CREATE TEMP TABLE unique_late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    c.execute("BEGIN")
    c.execute("INSERT INTO unique_late VALUES (1), (1)")
    fails(c, "COMMIT")


def errors(c):
    c.execute("CREATE TEMP TABLE strict (n int NOT NULL CHECK (n > 0), CONSTRAINT odd CHECK (n % 2 = 1))")
    for name, statement in {
        "syntax": "SELEC 1",
        "unknown table": "SELECT * FROM nowhere",
        "unknown column": "SELECT\n  nothing FROM pg_class",
        "unknown function": "SELECT no_such_function(1)",
        "bad value": "SELECT 'x'::int",
        "null": "INSERT INTO strict VALUES (NULL)",
        "check": "INSERT INTO strict VALUES (2)",
        "raised": "DO $$ BEGIN RAISE EXCEPTION 'raised' USING HINT = 'a hint', DETAIL = 'a detail', "
        "ERRCODE = 'ZZ001', COLUMN = 'c', TABLE = 't', SCHEMA = 's', DATATYPE = 'd', CONSTRAINT = 'k'; END $$",
    }.items():
        heading(f"error: {name}")
        fails(c, statement)
        heading(f"error, extended: {name}")
        fails(c, statement, prepare=True)
    heading("error: more than one statement with parameters")
    fails(c, "SELECT %s; SELECT 2", [1])
    heading("statement_timeout")
    c.execute("SET statement_timeout = '500ms'")
    fails(c, "SELECT pg_sleep(20)")
    c.execute("RESET statement_timeout")
    heading("lock_timeout")
    with psycopg.connect() as holder:
        holder.execute("CREATE TABLE IF NOT EXISTS locked (n int)")
        holder.commit()
        holder.execute("LOCK TABLE locked")
        c.execute("SET lock_timeout = '50ms'")
        fails(c, "SELECT * FROM locked")
        c.execute("RESET lock_timeout")


def cancels(c):
    for name, ask in {"safe": c.cancel_safe, "old": c.cancel}.items():
        heading(f"cancel, {name}")
        ended = threading.Event()

        def cancel():
            # It may come before the statement does; each is over before the next statement.
            while not ended.wait(0.3):
                ask()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        fails(c, "SELECT pg_sleep(20)")
        ended.set()
        canceller.join()
        print(c.execute("SELECT 'alive'").fetchone())
    heading("cancel of what has ended cancels nothing after it")
    for _ in range(20):
        c.execute("SELECT 1")
        c.cancel_safe()
        c.execute("SELECT 2")
    print("alive")


def session(c):
    heading("what the server reports")
    for name in "server_version server_encoding client_encoding is_superuser session_authorization DateStyle IntervalStyle TimeZone integer_datetimes standard_conforming_strings application_name".split():
        print(name, c.info.parameter_status(name))
    heading("a setting that is reported when it changes")
    c.execute("SET TimeZone = 'Europe/Berlin'")
    c.execute("SET application_name = 'another name'")
    print(c.info.parameter_status("TimeZone"), c.info.parameter_status("application_name"))
    heading("a setting that is reported again when it is taken back")
    with c.transaction(force_rollback=True):
        c.execute("SET TimeZone = 'Asia/Tokyo'")
        print(c.info.parameter_status("TimeZone"))
    print(c.info.parameter_status("TimeZone"))
    heading("settings at the start")
    options = "-c statement_timeout=1234 -c geqo=off"
    with psycopg.connect(options=options, application_name="named") as other:
        for name in ("statement_timeout", "geqo", "application_name"):
            print(name, other.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone())
    heading("client encodings")
    for encoding in ("LATIN1", "UTF8", "EUC_JP", "WIN1252"):
        with psycopg.connect(client_encoding=encoding) as other:
            word = "日本" if encoding == "EUC_JP" else "äß"
            print(encoding, other.execute("SELECT %s, length(%s)", [word, word]).fetchone())
    heading("DISCARD of one kind")
    c.execute("CREATE TEMP TABLE discarded (n serial)")
    c.execute("INSERT INTO discarded DEFAULT VALUES")
    print(c.execute("SELECT lastval()").fetchone())
    for kind in ("PLANS", "SEQUENCES", "TEMP"):
        print(c.execute(f"DISCARD {kind}").statusmessage)
    fails(c, "SELECT lastval()")
    fails(c, "SELECT * FROM discarded")
    heading("DISCARD ALL")
    c.execute("DISCARD ALL")
    print(c.execute("SHOW TimeZone").fetchone(), c.execute("SELECT count(*) FROM pg_prepared_statements").fetchone())
    heading("a large row")
    with c.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("SELECT repeat('x', 3000000) AS big, 1 AS small").fetchone()
        print(len(row["big"]), row["small"])
    heading("a large parameter")
    print(c.execute("SELECT length(%s)", ["y" * 3_000_000]).fetchone())
    heading("the server ends the session")
    with psycopg.connect() as other:
        c.execute("SELECT pg_terminate_backend(%s, 5000)", [other.info.backend_pid])
        fails(other, "SELECT 1")
        print(other.closed, other.broken)


def addresses():
    port = os.environ["PGPORT"]
    heading("several hosts")
    with psycopg.connect(host="127.0.0.1,127.0.0.1", port=f"1,{port}") as c:
        print(c.execute("SELECT 'the second'").fetchone(), c.info.port == int(port))
    for attributes in ("read-write", "primary", "read-only", "standby", "prefer-standby", "any"):
        heading(f"target_session_attrs={attributes}")
        try:
            with psycopg.connect(target_session_attrs=attributes) as c:
                print(c.execute("SELECT 1").fetchone())
        except psycopg.Error as error:
            print(type(error).__name__, "session is not read-only" in str(error), "not in hot standby" in str(error))
    heading("a database that there is not")
    try:
        psycopg.connect(dbname="nowhere")
    except psycopg.Error as error:
        print("database \"nowhere\" does not exist" in str(error))
    heading("a setting that there is not")
    try:
        psycopg.connect(options="-c nothing=1")
    except psycopg.Error as error:
        print("unrecognized configuration parameter \"nothing\"" in str(error))


def tls():
    for mode in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
        heading(f"sslmode={mode}")
        with psycopg.connect(sslmode=mode, sslrootcert=CA, gssencmode="disable") as c:
            print(c.pgconn.ssl_in_use, c.execute("SELECT 1").fetchone())
    heading("sslmode=verify-full of another authority")
    try:
        psycopg.connect(sslmode="verify-full", sslrootcert=os.environ["OTHER_CA"])
    except psycopg.Error as error:
        print("certificate verify failed" in str(error))
    heading("gssencmode=prefer")
    with psycopg.connect(gssencmode="prefer") as c:
        print(c.execute("SELECT 1").fetchone())


with psycopg.connect(autocommit=True) as connection:
    for part in (simple_and_extended, formats, pipelines, copies, cursors, notifications, large_objects, transactions, errors, cancels, session):
        part(connection)
addresses()
tls()
