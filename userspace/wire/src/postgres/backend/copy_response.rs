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

#[cfg(test)]
pub(crate) mod tests {
    use super::{CopyBothResponse, CopyInResponse, CopyOutResponse};
    use crate::WireError;
    use crate::postgres::Format;
    use crate::postgres::golden::{body, closed};

    pub(crate) const GOLDEN_IN: &[u8] = b"G\0\0\0\x0b\0\0\x02\0\0\0\0";
    pub(crate) const GOLDEN_OUT: &[u8] = b"H\0\0\0\x0b\x01\0\x02\0\x01\0\x01";
    pub(crate) const GOLDEN_BOTH: &[u8] = b"W\0\0\0\x07\0\0\0";

    #[test]
    fn golden() {
        let made = CopyInResponse::new(Format::Text, &[Format::Text; 2]).unwrap();
        let message = closed(GOLDEN_IN, made, CopyInResponse::decode);
        assert_eq!(
            (message.format(), message.columns()),
            (Format::Text, &[Format::Text; 2][..])
        );

        let made = CopyOutResponse::new(Format::Binary, &[Format::Binary; 2]).unwrap();
        let message = closed(GOLDEN_OUT, made, CopyOutResponse::decode);
        assert_eq!(message.format(), Format::Binary);
        assert_eq!(message.columns(), [Format::Binary; 2]);

        let made = CopyBothResponse::new(Format::Text, &[]).unwrap();
        let message = closed(GOLDEN_BOTH, made, CopyBothResponse::decode);
        assert_eq!(
            (message.format(), message.columns()),
            (Format::Text, &[][..])
        );
    }

    #[test]
    fn an_undefined_format_is_an_error() {
        for bytes in [&b"\x02\0\0"[..], b"\xff\0\0", b"\0\0\x01\0\x02"] {
            let error = CopyInResponse::decode(body(b'G', bytes)).unwrap_err();
            assert!(matches!(error, WireError::Undefined { .. }), "{error}");
        }
    }

    #[test]
    fn a_lying_count_is_not_believed() {
        let error = CopyOutResponse::decode(body(b'H', b"\0\xff\xff\0\0")).unwrap_err();
        assert!(
            matches!(error, WireError::CountTooLarge { count: 65_535, .. }),
            "{error}"
        );
    }
}
