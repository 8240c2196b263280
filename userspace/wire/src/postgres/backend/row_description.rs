//! RowDescription: the columns of the rows that follow, or would. 55.7 "Message Formats".
//!
//! Source table and column number are what masking goes by: an alias changes the name only. They
//! are 0 where the column is no plain column of a table.

use std::fmt;

use bytes::Bytes;

use super::tag;
use crate::WireError;
use crate::postgres::Format;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Shown;
use crate::postgres::writer::Writer;

const NAME: &str = "RowDescription";
/// An empty name and six numbers.
const LEAST_FIELD: usize = 1 + 4 + 2 + 4 + 2 + 4 + 2;

/// The columns of the rows that follow, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDescription {
    frame: Frame,
    fields: Vec<FieldDescription>,
}

/// One column of a result.
#[derive(Clone, PartialEq, Eq)]
pub struct FieldDescription {
    /// The name that the statement gives it.
    pub name: Bytes,
    /// The object id of the table it comes from, or 0.
    pub table_oid: u32,
    /// Its attribute number in that table, counted from 1; negative for system columns; or 0.
    pub column: i16,
    /// The object id of its type.
    pub type_oid: u32,
    /// Bytes of a value; negative where they vary.
    pub type_size: i16,
    /// What the type makes of it, such as the length of `varchar`; -1 is nothing.
    pub type_modifier: i32,
    /// How values are written. In the description of a statement it is text, as the format is not
    /// chosen yet: Bind does that.
    pub format: Format,
}

framed!(RowDescription);

impl RowDescription {
    /// Makes the message.
    pub fn new(fields: &[FieldDescription]) -> Result<Self, WireError> {
        let mut writer = Writer::tagged(NAME, tag::ROW_DESCRIPTION);
        writer.count("fields", fields.len())?;
        for field in fields {
            writer.string("field name", &field.name)?;
            writer.u32(field.table_oid);
            writer.i16(field.column);
            writer.u32(field.type_oid);
            writer.i16(field.type_size);
            writer.i32(field.type_modifier);
            writer.i16(field.format.code());
        }
        Self::decode(writer.finish()?)
    }

    /// Reads the message.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::ROW_DESCRIPTION, &frame)?;
        let count = reader.count("fields", LEAST_FIELD)?;
        let fields = (0..count)
            .map(|_| FieldDescription::read(&mut reader))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { frame, fields })
    }

    /// The columns in order.
    #[must_use]
    pub fn fields(&self) -> &[FieldDescription] {
        &self.fields
    }
}

impl FieldDescription {
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            name: reader.string("field name")?,
            table_oid: reader.u32("table")?,
            column: reader.i16("column number")?,
            type_oid: reader.u32("type")?,
            type_size: reader.i16("type size")?,
            type_modifier: reader.i32("type modifier")?,
            format: reader.format("format")?,
        })
    }
}

impl fmt::Debug for FieldDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldDescription")
            .field("name", &Shown(&self.name))
            .field("table_oid", &self.table_oid)
            .field("column", &self.column)
            .field("type_oid", &self.type_oid)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{FieldDescription, RowDescription};
    use crate::WireError;
    use crate::postgres::Format;
    use crate::postgres::golden::{body, closed};

    pub(crate) const GOLDEN: &[u8] =
        b"T\0\0\09\0\x02email\0\0\0@\x01\0\x03\0\0\x04\x13\xff\xff\0\0\x01\x03\0\0?column?\0\0\
        \0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01";

    fn fields() -> [FieldDescription; 2] {
        let email = FieldDescription {
            name: "email".into(),
            table_oid: 16_385,
            column: 3,
            type_oid: 1043,
            type_size: -1,
            type_modifier: 259,
            format: Format::Text,
        };
        let one = FieldDescription {
            name: "?column?".into(),
            table_oid: 0,
            column: 0,
            type_oid: 23,
            type_size: 4,
            type_modifier: -1,
            format: Format::Binary,
        };
        [email, one]
    }

    #[test]
    fn golden() {
        let made = RowDescription::new(&fields()).unwrap();
        let message = closed(GOLDEN, made, RowDescription::decode);
        assert_eq!(message.fields(), fields());
    }

    #[test]
    fn no_columns_are_a_description() {
        let message = RowDescription::new(&[]).unwrap();
        assert_eq!(message.frame().body().as_ref(), [0, 0]);
        assert!(message.fields().is_empty());
    }

    #[test]
    fn a_lying_count_is_not_believed() {
        let error = RowDescription::decode(body(b'T', &[&[0xff; 2][..], &[0; 40]].concat()));
        assert!(matches!(
            error,
            Err(WireError::CountTooLarge {
                count: 65_535,
                left: 40,
                ..
            })
        ));
    }

    #[test]
    fn a_name_that_would_shift_the_fields_is_not_sent() {
        let mut fields = fields();
        fields[0].name = "email\0".into();
        let error = RowDescription::new(&fields).unwrap_err();
        assert!(matches!(error, WireError::EmbeddedZero { .. }), "{error}");
    }
}
