//! An archive in the form that the kernel unpacks as its first file system: `newc`
//! (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's sources).

use std::io::{self, Write};

/// What an entry is, as `st_mode` tells it.
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTERS: u32 = 0o020_000;

/// An archive under way. Directories come before what is in them.
#[derive(Debug)]
pub(super) struct Archive<W> {
    to: W,
    count: u32,
}

impl<W: Write> Archive<W> {
    pub(super) const fn new(to: W) -> Self {
        Self { to, count: 0 }
    }

    pub(super) fn directory(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, DIRECTORY | 0o755, (0, 0), &[])
    }

    /// A file that anyone may run.
    pub(super) fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.entry(name, FILE | 0o755, (0, 0), content)
    }

    pub(super) fn link(&mut self, name: &str, to: &str) -> io::Result<()> {
        self.entry(name, LINK | 0o777, (0, 0), to.as_bytes())
    }

    /// A character device of this number.
    pub(super) fn device(&mut self, name: &str, number: (u32, u32)) -> io::Result<()> {
        self.entry(name, CHARACTERS | 0o600, number, &[])
    }

    /// Ends it.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        self.to.flush()
    }

    fn entry(
        &mut self,
        name: &str,
        mode: u32,
        device: (u32, u32),
        content: &[u8],
    ) -> io::Result<()> {
        self.count += 1;
        let length = |bytes: usize| u32::try_from(bytes).map_err(io::Error::other);
        let fields = [
            self.count,
            mode,
            0,
            0,
            1,
            0,
            length(content.len())?,
            0,
            0,
            device.0,
            device.1,
            length(name.len() + 1)?,
            0,
        ];
        let mut head = String::from("070701");
        for field in fields {
            head.push_str(&format!("{field:08X}"));
        }
        head.push_str(name);
        head.push('\0');
        self.padded(head.as_bytes())?;
        self.padded(content)
    }

    /// Up to a multiple of four.
    fn padded(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)?;
        let over = bytes.len() % 4;
        let padding: &[u8] = match over {
            0 => &[],
            1 => &[0; 3],
            2 => &[0; 2],
            _ => &[0; 1],
        };
        self.to.write_all(padding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout as the kernel documents it.
    #[test]
    fn an_archive_has_the_documented_form() {
        let mut bytes = Vec::new();
        let mut archive = Archive::new(&mut bytes);
        archive.file("etc/x", b"hello").unwrap();
        archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        // Magic, inode 1, a file that anyone may run, of five bytes, its name of six.
        let head = "07070100000001000081ED000000000000000000000001000000000000000500000000\
                    00000000000000000000000000000006";
        assert!(text.starts_with(head), "{text}");
        assert!(text.contains("etc/x\0hello\0\0\0\x3070701"), "{text}");
        assert!(text.ends_with("TRAILER!!!\0\0\0\0"), "{text}");
    }
}
