//! Whether this kernel closes sockets from outside their process.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use super::diag::Diag;

/// Numbers of linux/socket.h and linux/in.h.
const INET: u8 = 2;
const TCP: u8 = 6;

/// Tries it on a connection of its own. `EOPNOTSUPP` where the kernel can't.
pub(crate) fn destroy() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mine = TcpStream::connect(listener.local_addr()?)?;
    let (here, there) = (mine.local_addr()?, mine.peer_addr()?);
    let mut diag = Diag::open()?;
    let mut found = None;
    diag.dump(INET, TCP, &mut |entry| {
        if (entry.local, entry.remote) == (here, there) {
            found = Some(entry);
        }
    })?;
    let entry = found.ok_or(io::ErrorKind::NotFound)?;
    diag.destroy(TCP, &entry)
}

#[cfg(test)]
mod tests {
    /// The kernel that the tests run on has to: closing is what they try.
    #[test]
    fn this_kernel_does() {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test needs root, to close a socket"
        );
        super::destroy().unwrap();
    }
}
