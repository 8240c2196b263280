//! What every message has in common, written once.

/// Access to the frame that a message keeps.
macro_rules! framed {
    ($message:ident) => {
        impl $message {
            /// The message as it stands on the wire.
            #[must_use]
            pub fn frame(&self) -> &$crate::postgres::Frame {
                &self.frame
            }

            /// The message as it stands on the wire.
            #[must_use]
            pub fn into_frame(self) -> $crate::postgres::Frame {
                self.frame
            }

            /// Appends the message as it stands on the wire.
            pub fn encode(&self, out: &mut ::bytes::BytesMut) {
                out.extend_from_slice(self.frame.raw());
            }
        }

        impl From<$message> for $crate::postgres::Frame {
            fn from(message: $message) -> Self {
                message.frame
            }
        }
    };
}

/// A message that says all it has to say by its type byte.
macro_rules! bodiless {
    ($(#[$doc:meta])* $message:ident, $tag:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $message {
            frame: $crate::postgres::Frame,
        }

        $crate::postgres::framed::framed!($message);

        impl $message {
            /// Makes the message.
            #[must_use]
            pub fn new() -> Self {
                const RAW: &[u8] = &[$tag, 0, 0, 0, 4];
                let raw = ::bytes::Bytes::from_static(RAW);
                Self { frame: $crate::postgres::Frame::trusted(raw) }
            }

            /// Reads the message: nothing may follow its length.
            pub fn decode(frame: $crate::postgres::Frame) -> Result<Self, $crate::WireError> {
                let name = stringify!($message);
                $crate::postgres::reader::Reader::tagged(name, $tag, &frame)?.finish()?;
                Ok(Self { frame })
            }
        }

        impl Default for $message {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

/// All messages of one direction: the enum, and the one place that reads a type byte.
macro_rules! direction {
    ($(#[$doc:meta])* $($message:ident = $tag:ident),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Message {
            $(
                #[doc = concat!("See [`", stringify!($message), "`].")]
                $message($message),
            )+
        }

        /// The type bytes of this direction.
        #[cfg(test)]
        pub(crate) const TAGS: &[u8] = &[$(tag::$tag),+];

        impl Message {
            /// The message's name in PostgreSQL's documentation.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$message(_) => stringify!($message),)+
                }
            }

            /// The message as it stands on the wire.
            #[must_use]
            pub fn frame(&self) -> &$crate::postgres::Frame {
                match self {
                    $(Self::$message(message) => message.frame(),)+
                }
            }

            /// The message as it stands on the wire.
            #[must_use]
            pub fn into_frame(self) -> $crate::postgres::Frame {
                match self {
                    $(Self::$message(message) => message.into_frame(),)+
                }
            }

            /// Appends the message as it stands on the wire.
            pub fn encode(&self, out: &mut ::bytes::BytesMut) {
                out.extend_from_slice(self.frame().raw());
            }
        }

        $(
            impl From<$message> for Message {
                fn from(message: $message) -> Self {
                    Self::$message(message)
                }
            }
        )+

        /// Reads a frame of this direction. An unknown type byte is an error.
        pub fn decode(frame: $crate::postgres::Frame) -> Result<Message, $crate::WireError> {
            match frame.tag() {
                $(tag::$tag => $message::decode(frame).map(Message::$message),)+
                tag => Err($crate::WireError::UnknownTag { tag }),
            }
        }
    };
}

pub(crate) use {bodiless, direction, framed};
