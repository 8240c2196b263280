//! CopyInResponse, CopyOutResponse, CopyBothResponse: a COPY stream begins. 55.2.6 "COPY
//! Operations", 55.7 "Message Formats".
//!
//! One file for three: they differ in the type byte only, and in who may send CopyData next.

use super::tag;
use crate::WireError;
use crate::postgres::Format;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::writer::Writer;

macro_rules! copy_response {
    ($(#[$doc:meta])* $message:ident, $tag:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $message {
            frame: Frame,
            format: Format,
            columns: Vec<Format>,
        }

        framed!($message);

        impl $message {
            /// Makes the message.
            pub fn new(format: Format, columns: &[Format]) -> Result<Self, WireError> {
                let name = stringify!($message);
                Self::decode(write(Writer::tagged(name, $tag), format, columns)?)
            }

            /// Reads the message.
            pub fn decode(frame: Frame) -> Result<Self, WireError> {
                let reader = Reader::tagged(stringify!($message), $tag, &frame)?;
                let (format, columns) = read(reader)?;
                Ok(Self { frame, format, columns })
            }

            /// The stream's format: text is lines of separated columns (CSV, too), binary is
            /// PostgreSQL's own.
            #[must_use]
            pub fn format(&self) -> Format {
                self.format
            }

            /// The format of each column.
            #[must_use]
            pub fn columns(&self) -> &[Format] {
                &self.columns
            }
        }
    };
}

copy_response! {
    /// The server awaits a COPY stream.
    CopyInResponse, tag::COPY_IN_RESPONSE
}
copy_response! {
    /// The server will send a COPY stream.
    CopyOutResponse, tag::COPY_OUT_RESPONSE
}
copy_response! {
    /// Both may send, as in streaming replication.
    CopyBothResponse, tag::COPY_BOTH_RESPONSE
}

fn write(mut writer: Writer, format: Format, columns: &[Format]) -> Result<Frame, WireError> {
    writer.u8(match format {
        Format::Text => 0,
        Format::Binary => 1,
    });
    writer.format_list("columns", columns)?;
    writer.finish()
}

fn read(mut reader: Reader<'_>) -> Result<(Format, Vec<Format>), WireError> {
    let offset = reader.offset();
    let code = reader.u8("format")?;
    let format = Format::from_code(i16::from(code))
        .ok_or_else(|| reader.undefined("format", offset, i64::from(code)))?;
    let columns = reader.format_list("columns")?;
    reader.finish()?;
    Ok((format, columns))
}
