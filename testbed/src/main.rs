//! A throwaway PostgreSQL for trying things by hand: it lives until its standard input ends.

use std::io::{self, Write};

use testbed::Postgres;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Postgres::builder().start()?;
    let mut out = io::stdout().lock();
    writeln!(out, "pid {}", server.pid())?;
    writeln!(out, "dir {}", server.dir().display())?;
    writeln!(
        out,
        "try PGPASSWORD={} psql 'host={} port={} user={} dbname={} sslmode=verify-full sslrootcert={}'",
        server.app_password(),
        server.host(),
        server.port(),
        server.app_user(),
        server.database(),
        server.ca_pem_path().display(),
    )?;
    writeln!(out, "stop by ending standard input (Ctrl-D)")?;
    out.flush()?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    server.stop()?;
    Ok(())
}
