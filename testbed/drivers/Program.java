import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Array;
import java.sql.BatchUpdateException;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * What the JDBC driver sees of a server: feature by feature, under a heading each. Run with the
 * server's address in libpq's variables, and in TLS_CA the certificate that it is verified by.
 */
final class Program {
    private static final String HOST = System.getenv("PGHOST");
    private static final String PORT = System.getenv("PGPORT");

    private interface Part {
        void run() throws Exception;
    }

    private static void heading(String name) {
        System.out.println("## " + name);
    }

    private static void say(Object... words) {
        System.out.println(Arrays.deepToString(words));
    }

    private static Connection connect(String... settings) throws SQLException {
        return at(HOST + ":" + PORT, settings);
    }

    private static Connection at(String hosts, String... settings) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("sslmode", "disable");
        for (int i = 0; i < settings.length; i += 2) {
            properties.setProperty(settings[i], settings[i + 1]);
        }
        String database = System.getenv("PGDATABASE");
        return DriverManager.getConnection("jdbc:postgresql://" + hosts + "/" + database, properties);
    }

    private static void fails(Part part) throws Exception {
        try {
            part.run();
            say("no error");
        } catch (SQLException error) {
            told(error);
        }
    }

    private static void told(SQLException error) {
        for (SQLException next = error; next != null; next = next.getNextException()) {
            ServerErrorMessage from = next instanceof PSQLException e ? e.getServerErrorMessage() : null;
            if (from == null) {
                say(next.getClass().getSimpleName(), next.getSQLState());
            } else {
                // Sessions number their schema of temporary tables.
                String schema = from.getSchema() == null ? null : from.getSchema().replaceFirst("^pg_temp_.*", "pg_temp");
                say(from.getSeverity(), from.getSQLState(), from.getMessage(), from.getDetail(), from.getHint(),
                    from.getPosition(), from.getWhere(), schema, from.getTable(), from.getColumn(),
                    from.getDatatype(), from.getConstraint(), from.getInternalQuery(), from.getInternalPosition());
            }
        }
    }

    private static void show(ResultSet rows) throws SQLException {
        ResultSetMetaData meta = rows.getMetaData();
        while (rows.next()) {
            StringBuilder line = new StringBuilder();
            for (int i = 1; i <= meta.getColumnCount(); i++) {
                line.append(meta.getColumnName(i)).append(':').append(meta.getColumnTypeName(i)).append('=')
                    .append(rows.getString(i)).append("  ");
            }
            System.out.println(line.toString().trim());
        }
    }

    private static void queries(String mode) throws Exception {
        try (Connection c = connect("preferQueryMode", mode, "prepareThreshold", "2"); Statement s = c.createStatement()) {
            heading(mode + ": several statements");
            boolean rows = s.execute("SELECT 1 AS one; CREATE TEMP TABLE t (n int); INSERT INTO t VALUES (1), (2); SELECT 'a' AS a, NULL AS b");
            while (rows || s.getUpdateCount() != -1) {
                if (rows) {
                    show(s.getResultSet());
                } else {
                    say(s.getUpdateCount());
                }
                rows = s.getMoreResults();
            }
            heading(mode + ": an error in the middle");
            fails(() -> s.execute("SELECT 1; SELECT 1/0; SELECT 2"));
            heading(mode + ": parameters, the same statement again and again");
            try (PreparedStatement p = c.prepareStatement("SELECT CAST(? AS int) + 1, CAST(? AS text), CAST(? AS float8), CAST(? AS numeric), CAST(? AS timestamp)")) {
                for (int n = 0; n < 5; n++) {
                    p.setInt(1, n);
                    p.setString(2, "ä€" + n);
                    p.setDouble(3, 1.5);
                    p.setBigDecimal(4, new java.math.BigDecimal("1.10"));
                    p.setTimestamp(5, java.sql.Timestamp.valueOf("2024-02-29 12:34:56.789"));
                    show(p.executeQuery());
                }
            }
            heading(mode + ": what a statement would return");
            // The simple mode has no such question.
            String oid = mode.equals("simple") ? "1" : "?";
            try (PreparedStatement p = c.prepareStatement("SELECT oid, relname FROM pg_class WHERE oid = " + oid)) {
                say(p.getMetaData().getColumnCount(), p.getMetaData().getColumnTypeName(2), p.getParameterMetaData().getParameterCount());
            }
            heading(mode + ": a batch");
            try (PreparedStatement p = c.prepareStatement("INSERT INTO t VALUES (?)")) {
                for (int n = 0; n < 300; n++) {
                    p.setInt(1, n);
                    p.addBatch();
                }
                say(Arrays.stream(p.executeBatch()).sum());
            }
            heading(mode + ": a batch with an error");
            for (String statement : new String[] {"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1/0)", "INSERT INTO t VALUES (3)"}) {
                s.addBatch(statement);
            }
            try {
                s.executeBatch();
            } catch (BatchUpdateException error) {
                say(Arrays.toString(error.getUpdateCounts()));
                told(error);
            }
            heading(mode + ": generated keys");
            s.execute("CREATE TEMP TABLE keyed (id serial, n int)");
            try (PreparedStatement p = c.prepareStatement("INSERT INTO keyed (n) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
                p.setInt(1, 5);
                p.executeUpdate();
                show(p.getGeneratedKeys());
            }
            heading(mode + ": errors");
            for (String text : new String[] {"SELEC 1", "SELECT * FROM nowhere", "SELECT\n  nothing FROM pg_class", "SELECT 'x'::int"}) {
                fails(() -> s.executeQuery(text));
                fails(() -> c.prepareStatement(text).executeQuery());
            }
        }
    }

    private static void fetching() throws Exception {
        try (Connection c = connect(); Statement s = c.createStatement()) {
            heading("rows a part at a time");
            c.setAutoCommit(false);
            s.setFetchSize(7);
            try (ResultSet rows = s.executeQuery("SELECT n FROM generate_series(1, 100) n")) {
                int sum = 0;
                while (rows.next()) {
                    sum += rows.getInt(1);
                }
                say(sum);
            }
            heading("two at once, and one closed early");
            try (Statement t = c.createStatement()) {
                t.setFetchSize(5);
                ResultSet one = s.executeQuery("SELECT n FROM generate_series(1, 50) n");
                ResultSet two = t.executeQuery("SELECT -n FROM generate_series(1, 50) n");
                for (int i = 0; i < 20; i++) {
                    one.next();
                    two.next();
                }
                say(one.getInt(1), two.getInt(1));
                two.close();
                one.next();
                say(one.getInt(1));
            }
            c.commit();
            heading("a cursor that a function returns");
            s.execute("CREATE FUNCTION pg_temp.points() RETURNS refcursor AS $$ DECLARE r refcursor; BEGIN OPEN r FOR SELECT n FROM generate_series(1, 3) n; RETURN r; END $$ LANGUAGE plpgsql");
            try (CallableStatement call = c.prepareCall("{? = call pg_temp.points()}")) {
                call.registerOutParameter(1, Types.OTHER);
                call.execute();
                show((ResultSet) call.getObject(1));
            }
            c.rollback();
            heading("maximum of rows");
            s.setMaxRows(3);
            show(s.executeQuery("SELECT n FROM generate_series(1, 50) n"));
        }
    }

    private static void types() throws Exception {
        for (String binary : new String[] {"true", "false"}) {
            heading("types, binaryTransfer=" + binary);
            try (Connection c = connect("binaryTransfer", binary, "prepareThreshold", "-1")) {
                try (PreparedStatement p = c.prepareStatement("SELECT '{1,NULL,3}'::int[], '{{a,\"b c\"},{\"\\\"\",NULL}}'::text[], '1.5'::float4, 'NaN'::float8, 12345678901234567890.1::numeric, '2024-02-29 12:34:56+02'::timestamptz, '2024-02-29'::date, '12:34'::time, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '\\x00ff'::bytea, '{\"a\": 1}'::jsonb, true, '1 day'::interval, '(1,2)'::point, 7::int2, 8::int8")) {
                    for (int i = 0; i < 2; i++) {
                        show(p.executeQuery());
                    }
                }
                try (PreparedStatement p = c.prepareStatement("SELECT ?::int[], ?::text[], ?::bytea")) {
                    p.setArray(1, c.createArrayOf("int4", new Object[] {1, null, 3}));
                    p.setArray(2, c.createArrayOf("text", new Object[] {"\"", "b c", null}));
                    p.setBytes(3, new byte[] {0, (byte) 0xff});
                    ResultSet rows = p.executeQuery();
                    rows.next();
                    Array array = rows.getArray(1);
                    say(array.getBaseTypeName(), array.getArray(), rows.getArray(2).getArray(), rows.getBytes(3));
                }
            }
        }
    }

    private static void copies() throws Exception {
        try (Connection c = connect(); Statement s = c.createStatement()) {
            CopyManager copies = c.unwrap(PGConnection.class).getCopyAPI();
            heading("copy out");
            StringWriter text = new StringWriter();
            say(copies.copyOut("COPY (SELECT n, 'row ' || n, NULL FROM generate_series(1, 3) n) TO STDOUT (FORMAT csv, HEADER)", text), text);
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            copies.copyOut("COPY (SELECT n FROM generate_series(1, 5000) n) TO STDOUT (FORMAT binary)", bytes);
            say(bytes.size(), Arrays.hashCode(bytes.toByteArray()));
            heading("copy in");
            s.execute("CREATE TEMP TABLE copied (n int)");
            say(copies.copyIn("COPY copied FROM STDIN", new StringReader("1\n2\n\\N\n")));
            say(copies.copyIn("COPY copied FROM STDIN (FORMAT binary)", new ByteArrayInputStream(bytes.toByteArray())));
            show(s.executeQuery("SELECT count(*), sum(n) FROM copied"));
            heading("copy in that the server refuses");
            fails(() -> copies.copyIn("COPY copied FROM STDIN", new StringReader("x\n")));
            heading("copy in that the client gives up");
            var copy = copies.copyIn("COPY copied FROM STDIN");
            copy.writeToCopy("7\n".getBytes(), 0, 2);
            copy.cancelCopy();
            show(s.executeQuery("SELECT count(*) FROM copied"));
        }
    }

    private static void largeObjects() throws Exception {
        try (Connection c = connect()) {
            heading("large objects, by fast-path calls");
            c.setAutoCommit(false);
            LargeObjectManager objects = c.unwrap(PGConnection.class).getLargeObjectAPI();
            long oid = objects.createLO();
            try (LargeObject object = objects.open(oid)) {
                object.write(new byte[50_000]);
                object.seek(10);
                object.write(new byte[] {1, 2, 3});
                object.seek(8);
                say(Arrays.toString(object.read(8)), object.tell(), object.size());
                object.truncate(20);
                say(object.size64());
            }
            objects.delete(oid);
            fails(() -> objects.open(1));
            c.rollback();
        }
    }

    private static void notifications() throws Exception {
        try (Connection c = connect(); Connection other = connect(); Statement s = c.createStatement(); Statement t = other.createStatement()) {
            heading("LISTEN and NOTIFY");
            s.execute("LISTEN here");
            t.execute("NOTIFY here, 'from another'; SELECT pg_notify('here', 'by a function')");
            int heard = 0;
            while (heard < 2) {
                for (PGNotification notification : c.unwrap(PGConnection.class).getNotifications(20_000)) {
                    say(notification.getName(), notification.getParameter());
                    heard++;
                }
            }
            heading("warnings");
            s.execute("DO $$ BEGIN RAISE NOTICE 'noticed %', 1; RAISE WARNING 'warned'; END $$");
            for (SQLWarning warning = s.getWarnings(); warning != null; warning = warning.getNextWarning()) {
                say(warning.getSQLState(), warning.getMessage());
            }
        }
    }

    private static void transactions() throws Exception {
        try (Connection c = connect("autosave", "always"); Statement s = c.createStatement()) {
            heading("transactions and savepoints");
            s.execute("CREATE TEMP TABLE kept (n int PRIMARY KEY CONSTRAINT positive CHECK (n > 0))");
            c.setAutoCommit(false);
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            s.execute("INSERT INTO kept VALUES (1)");
            Savepoint point = c.setSavepoint("here");
            fails(() -> s.execute("INSERT INTO kept VALUES (1)"));
            fails(() -> s.execute("INSERT INTO kept VALUES (-1)"));
            show(s.executeQuery("SELECT count(*) FROM kept"));
            s.execute("INSERT INTO kept VALUES (2)");
            c.rollback(point);
            c.commit();
            show(s.executeQuery("SELECT * FROM kept"));
            show(s.executeQuery("SHOW transaction_isolation"));
            c.commit();
            heading("read only");
            c.setReadOnly(true);
            fails(() -> s.execute("CREATE TABLE never (n int)"));
            c.rollback();
        }
    }

    private static void limits() throws Exception {
        try (Connection c = connect(); Statement s = c.createStatement()) {
            heading("cancel");
            CountDownLatch ended = new CountDownLatch(1);
            Thread canceller = new Thread(() -> {
                try {
                    // It may come before the statement does; each is over before the next statement.
                    while (!ended.await(300, TimeUnit.MILLISECONDS)) {
                        s.cancel();
                    }
                } catch (Exception error) {
                    say(error);
                }
            });
            canceller.start();
            fails(() -> s.execute("SELECT pg_sleep(20)"));
            ended.countDown();
            canceller.join();
            heading("a query's timeout");
            s.setQueryTimeout(2);
            fails(() -> s.execute("SELECT pg_sleep(20)"));
            s.setQueryTimeout(0);
            heading("statement_timeout");
            s.execute("SET statement_timeout = 500");
            fails(() -> s.execute("SELECT pg_sleep(20)"));
            s.execute("RESET ALL");
            show(s.executeQuery("SELECT 'alive' AS it_is"));
            heading("the server ends the session");
            try (Connection other = connect(); Statement t = other.createStatement()) {
                int pid = other.unwrap(PGConnection.class).getBackendPID();
                s.execute("SELECT pg_terminate_backend(" + pid + ", 5000)");
                fails(() -> t.execute("SELECT 1"));
            }
        }
    }

    private static void catalogue() throws Exception {
        try (Connection c = connect(); Statement s = c.createStatement()) {
            heading("what the driver asks the catalogue");
            s.execute("CREATE TABLE IF NOT EXISTS listed (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x', other int REFERENCES listed)");
            var meta = c.getMetaData();
            say(meta.getDatabaseProductName(), meta.getDefaultTransactionIsolation());
            show(meta.getTables(null, "public", "listed", null));
            show(meta.getColumns(null, "public", "listed", null));
            show(meta.getPrimaryKeys(null, "public", "listed"));
            show(meta.getImportedKeys(null, "public", "listed"));
            show(meta.getIndexInfo(null, "public", "listed", false, false));
            s.execute("DROP TABLE listed");
        }
    }

    private static void addresses() throws Exception {
        heading("several hosts");
        try (Connection c = at(HOST + ":1," + HOST + ":" + PORT); Statement s = c.createStatement()) {
            show(s.executeQuery("SELECT 1 AS one"));
        }
        for (String kind : new String[] {"primary", "secondary", "preferSecondary", "any"}) {
            heading("targetServerType=" + kind);
            fails(() -> {
                try (Connection c = connect("targetServerType", kind); Statement s = c.createStatement()) {
                    show(s.executeQuery("SELECT 1 AS one"));
                }
            });
        }
        heading("settings at the start");
        try (Connection c = connect("options", "-c geqo=off", "ApplicationName", "named", "currentSchema", "pg_catalog"); Statement s = c.createStatement()) {
            for (String name : new String[] {"geqo", "application_name", "search_path", "extra_float_digits", "TimeZone"}) {
                show(s.executeQuery("SHOW " + name));
            }
        }
        for (String mode : new String[] {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}) {
            heading("sslmode=" + mode);
            try (Connection c = connect("sslmode", mode, "sslrootcert", System.getenv("TLS_CA")); Statement s = c.createStatement()) {
                show(s.executeQuery("SELECT 1 AS one"));
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        for (String mode : new String[] {"simple", "extended", "extendedForPrepared", "extendedCacheEverything"}) {
            queries(mode);
        }
        fetching();
        types();
        copies();
        largeObjects();
        notifications();
        transactions();
        limits();
        catalogue();
        addresses();
    }
}
