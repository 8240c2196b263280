//! Which resolvers weir asks for workloads.
//!
//! Not its job: asking them. A line of resolv.conf that can't be read names none.

use std::{
    fs::File,
    io::{self, Read},
    net::IpAddr,
    path::Path,
};

/// The resolvers, declared or the host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolvers {
    /// The nameservers of `/etc/resolv.conf`.
    System,
    /// These.
    Declared(Vec<IpAddr>),
}

impl Resolvers {
    /// Their addresses, without repetitions, each in its plain form.
    ///
    /// # Errors
    /// When the host's can't be read.
    pub fn addresses(&self) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::Declared(addresses) => Ok(addresses.clone()),
            Self::System => system(Path::new("/etc/resolv.conf")),
        }
    }
}

fn system(path: &Path) -> io::Result<Vec<IpAddr>> {
    const LONGEST: u64 = 64 << 10;
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(nameservers(&String::from_utf8_lossy(&text)))
}

/// The `nameserver` lines, as resolv.conf(5) has them. A scope (`%eth0`) is left off: the address
/// is what a destination is compared with.
fn nameservers(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some("nameserver") = words.next() else {
            continue;
        };
        let address = words.next().and_then(|word| word.split('%').next());
        if let Some(Ok(address)) = address.map(str::parse::<IpAddr>) {
            let address = address.to_canonical();
            if !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{nameservers, system};

    #[test]
    fn nameservers_are_read_as_the_resolver_reads_them() {
        let text = "# nameserver 9.9.9.9\n;nameserver 8.8.8.8\nsearch nameserver 7.7.7.7\n\
                    nameserver 192.0.2.53\r\n  nameserver\t::1 # here\nnameserver fe80::1%eth0\n\
                    nameserver 192.0.2.53\nnameserver nonsense\nnameserver\nnameserverx 1.1.1.1\n";
        let expected: Vec<IpAddr> = ["192.0.2.53", "::1", "fe80::1"]
            .map(|a| a.parse().unwrap())
            .to_vec();
        assert_eq!(nameservers(text), expected);
    }

    #[test]
    fn a_host_without_the_file_says_so() {
        assert!(system(std::path::Path::new("/nonexistent/resolv.conf")).is_err());
    }
}
