//! Where the command line prints.
//!
//! Job: one sink for lines and for JSON, with colour on a terminal and none in a pipe (`NO_COLOR`,
//! `CLICOLOR` and `CLICOLOR_FORCE` are honoured). Not its job: what to say.

use std::io::{self, Write};

use serde::Serialize;

use super::{
    escape::json_shown,
    line::{Line, Tone},
};

/// A sink for lines.
pub(crate) struct Out {
    sink: Box<dyn Write + Send>,
}

impl Out {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self {
            sink: Box::new(anstream::stdout()),
        }
    }

    /// Standard error.
    pub(crate) fn stderr() -> Self {
        Self {
            sink: Box::new(anstream::stderr()),
        }
    }

    /// One line.
    ///
    /// # Errors
    /// The sink's; a closed pipe among them.
    pub(crate) fn line(&mut self, line: &Line) -> io::Result<()> {
        writeln!(self.sink, "{line}")
    }

    /// Nothing, for a line.
    ///
    /// # Errors
    /// The sink's.
    pub(crate) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.sink)
    }

    /// Text of several lines, each in the same tone behind the same indent.
    ///
    /// # Errors
    /// The sink's.
    pub(crate) fn block(&mut self, tone: Tone, indent: &str, text: &str) -> io::Result<()> {
        for line in text.lines() {
            // A tab is honest white space in a statement; spelt out it would only hinder reading.
            self.line(&Line::plain(indent).and(tone, line.replace('\t', "    ")))?;
        }
        Ok(())
    }

    /// A value as indented JSON.
    ///
    /// # Errors
    /// The sink's, or a value that JSON has no form for.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
        writeln!(self.sink, "{}", json_shown(&json))
    }

    /// A value as JSON on one line.
    ///
    /// # Errors
    /// The sink's, or a value that JSON has no form for.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_string(value).map_err(io::Error::other)?;
        writeln!(self.sink, "{}", json_shown(&json))
    }

    /// Sends on what is buffered.
    ///
    /// # Errors
    /// The sink's.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
pub(crate) mod capture {
    //! Printing into memory, for the tests of what is printed.

    use std::sync::{Arc, Mutex};

    use super::{Out, Write, io};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `print` prints, with its styles taken away.
    pub(crate) fn plain(print: impl FnOnce(&mut Out) -> io::Result<()>) -> String {
        let shared = Shared::default();
        let mut out = Out {
            sink: Box::new(shared.clone()),
        };
        print(&mut out).unwrap();
        let bytes = shared.0.lock().unwrap().clone();
        anstream::adapter::strip_str(std::str::from_utf8(&bytes).unwrap()).to_string()
    }
}
