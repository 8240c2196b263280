//! One thing that a machine lacks, and finding out which.

use std::fmt;
use std::path::Path;

use anyhow::Result;

use super::{apt, bpf, drivers, npm, python};
use crate::process::find_program;
use crate::workspace::Workspace;

/// What a command can need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The toolchain that builds the eBPF programs.
    Ebpf,
    /// The lints for them.
    EbpfLints,
    /// A database server, for tests and demo.
    Postgres,
    /// A DNS server, for tests.
    Dns,
    /// A SAML identity provider, for tests.
    Saml,
    /// Network namespaces and containers, for tests.
    Containers,
    /// A Python with database drivers, for tests.
    Python,
    /// PostgreSQL's regression suite, for tests; with [`Python`](Self::Python).
    RegressionSuite,
    /// A receiver of syslog, for tests.
    Syslog,
    /// An OpenID Connect provider, for tests.
    Oidc,
    /// Other proxies, for the benchmark.
    Proxies,
    /// Drivers with the test suites that they ship, for `cargo xtask drivers`.
    Drivers,
    /// The distribution's Python as it is, for the demo.
    PlainPython,
    /// The checker of licences, bans and sources.
    Deny,
    /// What drives libFuzzer.
    Fuzz,
}

impl Part {
    pub(crate) const ALL: &[Self] = &[
        Self::Ebpf,
        Self::EbpfLints,
        Self::Postgres,
        Self::Dns,
        Self::Saml,
        Self::Containers,
        Self::Python,
        Self::RegressionSuite,
        Self::Syslog,
        Self::Oidc,
        Self::Proxies,
        Self::Drivers,
        Self::PlainPython,
        Self::Deny,
        Self::Fuzz,
    ];
}

/// One thing to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    /// A package of the distribution.
    Package { name: String, why: &'static str },
    /// A program that cargo builds and installs.
    Program(&'static Program),
    /// The Python environment.
    PythonEnvironment,
    /// PostgreSQL's regression suite.
    RegressionSuite,
    /// The OpenID Connect provider.
    OidcProvider,
    /// Drivers and their test suites.
    Drivers,
}

/// A program that cargo installs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) why: &'static str,
    /// Arguments of `cargo install` beyond name and version.
    pub(super) args: &'static [&'static str],
    /// Variables for its build.
    pub(super) env: &'static [(&'static str, &'static str)],
}

pub(super) const CARGO_DENY: Program = Program {
    name: "cargo-deny",
    version: "0.20.2",
    why: "checks the dependencies' licences, sources and advisories; builds for some minutes",
    args: &[],
    env: &[],
};

const CARGO_FUZZ: Program = Program {
    name: "cargo-fuzz",
    version: "0.13.2",
    why: "drives libFuzzer against what reads strangers' bytes; builds for a minute",
    args: &[],
    env: &[],
};

/// libFuzzer is built with it.
const COMPILER: &[(&str, &str)] = &[("g++", "builds libFuzzer, which is C++")];

impl Need {
    /// What is missing for these parts, in the order in which it must be installed.
    pub(super) fn find(workspace: &Workspace, parts: &[Part]) -> Result<Vec<Self>> {
        let mut needs = Vec::new();
        for part in parts {
            match part {
                Part::Ebpf => needs.extend(bpf::needs()?),
                Part::EbpfLints => needs.extend(bpf::lint_needs()),
                Part::Postgres if !testbed::postgres::is_installed() => {
                    needs.extend(apt::missing(POSTGRES)?);
                }
                Part::Dns if find_program("dnsmasq").is_none() => {
                    needs.extend(apt::missing(DNS)?);
                }
                Part::Saml if !testbed::saml::is_installed() => {
                    needs.extend(apt::missing(SAML)?);
                }
                Part::Containers if ["ip", "runc", "busybox"].map(find_program).contains(&None) => {
                    needs.extend(apt::missing(CONTAINERS)?);
                }
                Part::Python if !python::is_ready(workspace) => {
                    needs.extend(apt::missing(PYTHON)?);
                    needs.push(Self::PythonEnvironment);
                }
                Part::RegressionSuite if !python::has_regression_suite() => {
                    needs.push(Self::RegressionSuite);
                }
                Part::Syslog
                    if !Path::new(RSYSLOGD).exists() || !Path::new(RSYSLOG_TLS).exists() =>
                {
                    needs.extend(apt::missing(SYSLOG)?);
                }
                Part::Oidc if !npm::is_ready(workspace) => {
                    if !npm::has_node() {
                        needs.extend(apt::missing(NODE)?);
                    }
                    needs.push(Self::OidcProvider);
                }
                Part::Proxies if !Path::new(HAPROXY).exists() || !Path::new(PGBOUNCER).exists() => {
                    needs.extend(apt::missing(PROXIES)?);
                }
                Part::Drivers => {
                    if !drivers::has_java() {
                        needs.extend(apt::missing(JAVA)?);
                    }
                    if !drivers::is_ready(workspace) {
                        if !npm::has_node() {
                            needs.extend(apt::missing(NODE)?);
                        }
                        needs.extend(apt::missing(PYTHON)?);
                        needs.push(Self::Drivers);
                    }
                }
                Part::PlainPython if !python::is_installed() => {
                    needs.extend(apt::missing(PLAIN_PYTHON)?);
                }
                Part::Deny if find_program(CARGO_DENY.name).is_none() => {
                    needs.push(Self::Program(&CARGO_DENY));
                }
                Part::Fuzz => {
                    if find_program("c++").is_none() {
                        needs.extend(apt::missing(COMPILER)?);
                    }
                    if find_program(CARGO_FUZZ.name).is_none() {
                        needs.push(Self::Program(&CARGO_FUZZ));
                    }
                }
                Part::Postgres
                | Part::Dns
                | Part::Saml
                | Part::Containers
                | Part::Python
                | Part::RegressionSuite
                | Part::Syslog
                | Part::Oidc
                | Part::Proxies
                | Part::PlainPython
                | Part::Deny => {}
            }
        }
        Ok(needs)
    }
}

const POSTGRES: &[(&str, &str)] = &[(
    "postgresql",
    "the server and psql; tests start their own, on ports of their own, as user postgres",
)];

const DNS: &[(&str, &str)] = &[(
    "dnsmasq-base",
    "a DNS server; tests start their own, on ports of their own",
)];

const SAML: &[(&str, &str)] = &[
    (
        "simplesamlphp",
        "a SAML identity provider; tests start their own, on ports of their own",
    ),
    ("php-cli", "serves it"),
    ("php-xml", "what it signs with"),
    ("php-mbstring", "it needs it"),
    ("php-curl", "it needs it"),
    ("php-sqlite3", "where it keeps its sessions"),
];

const CONTAINERS: &[(&str, &str)] = &[
    ("iproute2", "ip; tests make network namespaces of their own"),
    ("runc", "runs the containers that tests govern"),
    ("busybox-static", "all that is in those containers"),
];

const PYTHON: &[(&str, &str)] = &[(
    "python3-venv",
    "an environment for the Python drivers and servers",
)];

/// Neither is in a user's PATH.
const RSYSLOGD: &str = "/usr/sbin/rsyslogd";
const RSYSLOG_TLS: &str = "/usr/share/doc/rsyslog-openssl";

const SYSLOG: &[(&str, &str)] = &[
    (
        "rsyslog",
        "a syslog receiver; tests start their own, on ports of their own",
    ),
    ("rsyslog-openssl", "its TLS"),
];

const NODE: &[(&str, &str)] = &[
    (
        "nodejs",
        "runs the OpenID Connect provider of the tests, and a driver",
    ),
    ("npm", "installs them"),
];

/// Neither is in a user's PATH.
pub(crate) const HAPROXY: &str = "/usr/sbin/haproxy";
pub(crate) const PGBOUNCER: &str = "/usr/sbin/pgbouncer";

const PROXIES: &[(&str, &str)] = &[
    ("haproxy", "a proxy that the benchmark compares with"),
    ("pgbouncer", "another, which knows PostgreSQL"),
];

const JAVA: &[(&str, &str)] = &[
    (
        "default-jdk-headless",
        "runs a program with the JDBC driver",
    ),
    ("libpostgresql-jdbc-java", "the JDBC driver"),
];

const PLAIN_PYTHON: &[(&str, &str)] = &[("python3", "the demo's agent tries raw sockets with it")];

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { name, why } => write!(f, "package {name}: {why}"),
            Self::Program(Program {
                name, version, why, ..
            }) => {
                write!(f, "{name} {version}, by cargo install: {why}")
            }
            Self::OidcProvider => write!(
                f,
                "oidc-provider from npm, in target/testbed/oidc: tests sign in by it"
            ),
            Self::Drivers => write!(
                f,
                "drivers of PostgreSQL with their own test suites, from PyPI, npm and crates.io, in \
                 target/testbed/drivers (testbed/drivers)"
            ),
            Self::RegressionSuite => write!(
                f,
                "PostgreSQL's regression suite from PyPI, in target/testbed/regress: tests read its SQL"
            ),
            Self::PythonEnvironment => {
                write!(
                    f,
                    "drivers that the tests put behind weir, an S3-compatible store, PostgreSQL's grammar "
                )?;
                write!(
                    f,
                    "and who takes telemetry, from PyPI, in target/testbed/venv (testbed/requirements.txt)"
                )
            }
        }
    }
}
