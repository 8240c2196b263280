//! What Describe and Close are about.

use bytes::{BufMut, BytesMut};

use crate::postgres::reader::Reader;
use crate::postgres::writer::put_length;
use crate::{MessageName, WireError};

/// What Describe and Close are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A prepared statement: `S`.
    Statement,
    /// A portal: `P`.
    Portal,
}

impl ObjectKind {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let offset = reader.offset();
        match reader.u8("kind")? {
            b'S' => Ok(Self::Statement),
            b'P' => Ok(Self::Portal),
            other => Err(reader.undefined("kind", offset, i64::from(other))),
        }
    }

    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Statement => b'S',
            Self::Portal => b'P',
        }
    }
}

/// Appends a message about an object.
pub(super) fn put(
    (message, tag): (&'static str, u8),
    kind: ObjectKind,
    name: &[u8],
    out: &mut BytesMut,
) -> Result<(), WireError> {
    let message = MessageName::Named(message);
    if memchr::memchr(0, name).is_some() {
        let what = "name";
        return Err(WireError::EmbeddedZero { message, what });
    }
    let before = out.len();
    out.put_slice(&[tag, 0, 0, 0, 0, kind.byte()]);
    out.put_slice(name);
    out.put_u8(0);
    put_length(out, message, before + 1).inspect_err(|_| out.truncate(before))
}

/// Defines a message that holds a kind of object and its name: Describe and Close.
macro_rules! about_object {
    ($(#[$doc:meta])* $message:ident, $tag:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $message {
            frame: $crate::postgres::Frame,
            kind: $crate::postgres::frontend::ObjectKind,
            name: ::bytes::Bytes,
        }

        $crate::postgres::framed::framed!($message);

        impl $message {
            const NAME: &str = stringify!($message);

            /// Makes the message.
            pub fn new(
                kind: $crate::postgres::frontend::ObjectKind,
                name: &[u8],
            ) -> Result<Self, $crate::WireError> {
                let mut writer = $crate::postgres::writer::Writer::tagged(Self::NAME, $tag);
                writer.u8(kind.byte());
                writer.string("name", name)?;
                Self::decode(writer.finish()?)
            }

            /// Appends the message, as [`new`](Self::new) makes it, without one of its own; nothing
            /// where it can't be made.
            pub fn put(
                kind: $crate::postgres::frontend::ObjectKind,
                name: &[u8],
                out: &mut ::bytes::BytesMut,
            ) -> Result<(), $crate::WireError> {
                $crate::postgres::frontend::object::put((Self::NAME, $tag), kind, name, out)
            }

            /// Reads the message.
            pub fn decode(frame: $crate::postgres::Frame) -> Result<Self, $crate::WireError> {
                let mut reader =
                    $crate::postgres::reader::Reader::tagged(Self::NAME, $tag, &frame)?;
                let kind = $crate::postgres::frontend::ObjectKind::read(&mut reader)?;
                let name = reader.string("name")?;
                reader.finish()?;
                Ok(Self { frame, kind, name })
            }

            /// Whether it is about a statement or a portal.
            #[must_use]
            pub fn kind(&self) -> $crate::postgres::frontend::ObjectKind {
                self.kind
            }

            /// Its name; empty is the unnamed one.
            #[must_use]
            pub fn name(&self) -> &::bytes::Bytes {
                &self.name
            }
        }

        impl ::std::fmt::Debug for $message {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(Self::NAME)
                    .field("kind", &self.kind)
                    .field("name", &$crate::postgres::redact::Shown(&self.name))
                    .finish()
            }
        }
    };
}

pub(super) use about_object;
