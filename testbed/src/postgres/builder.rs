//! From what a caller asks for to a running server, step by step.

use super::certificate::Certificates;
use super::directory::Directory;
use super::installation::Installation;
use super::server::{Server, Started};
use super::settings::{Auth, Listen};
use super::template::{self, Template};
use super::{Postgres, SERVER};
use crate::{Error, Result, free_port};

/// How many ports are tried before it is called hopeless.
const TRIES: usize = 8;

/// How a server is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Builder {
    tls: bool,
    tls_demanded: bool,
    auth: Auth,
    sample_data: bool,
    load: Option<u32>,
    port: Option<u16>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            tls: true,
            tls_demanded: true,
            auth: Auth::default(),
            sample_data: true,
            load: None,
            port: None,
        }
    }
}

impl Builder {
    /// With TLS (the default) it speaks TCP over TLS only; without, it has no TLS at all.
    #[must_use]
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// With TLS for who asks for it, and without for who doesn't, as servers usually are.
    #[must_use]
    pub fn tls_offered(mut self) -> Self {
        self.tls = true;
        self.tls_demanded = false;
        self
    }

    /// How clients log in; SCRAM unless told.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// With the sample tables (the default), or with an empty database.
    #[must_use]
    pub fn sample_data(mut self, sample_data: bool) -> Self {
        self.sample_data = sample_data;
        self
    }

    /// For measuring: with room for so many connections, and no log of what they send, so that
    /// [`Postgres::statements`] is empty.
    #[must_use]
    pub fn load(mut self, connections: u32) -> Self {
        self.load = Some(connections);
        self
    }

    /// At this port, for clients that know no other; at one that is free unless told.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Starts it and waits until it answers. The first start of a kind on a machine makes a
    /// template, in seconds; the next copy it.
    pub fn start(self) -> Result<Postgres> {
        let installation = Installation::find()?;
        let template = Template::obtain(
            &installation,
            self.auth.password_encryption(),
            self.sample_data,
        )?;
        let directory = Directory::create(&installation)?;
        template::copy_tree(template.data(), directory.data(), installation.owner())?;
        let certificates = Certificates::generate()?;
        directory.write_public(directory.ca_pem(), &certificates.ca)?;
        directory.write_private(directory.chain(), &certificates.chain)?;
        directory.write_private(directory.key(), &certificates.key)?;

        for _ in 0..TRIES {
            let port = self.port.map_or_else(free_port, Ok);
            let port = port.map_err(|source| Error::Start {
                program: SERVER.to_owned(),
                source,
            })?;
            let listen = Listen {
                port: Some(port),
                socket: directory.socket(),
                tls: self.tls.then(|| (directory.chain(), directory.key())),
                tls_demanded: self.tls_demanded,
                auth: self.auth,
                load: self.load,
            };
            match Server::start(&installation, &directory, &listen)? {
                Started::Ready(server) => {
                    let passwords = template.into_passwords();
                    return Ok(Postgres {
                        server,
                        directory,
                        installation,
                        passwords,
                        port,
                    });
                }
                Started::PortTaken if self.port.is_some() => {
                    return Err(Error::NoPort {
                        server: SERVER,
                        tries: 1,
                    });
                }
                Started::PortTaken => {}
            }
        }
        Err(Error::NoPort {
            server: SERVER,
            tries: TRIES,
        })
    }
}
