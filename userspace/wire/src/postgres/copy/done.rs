//! CopyDone: a COPY stream is complete, either way. 55.7 "Message Formats".

use crate::postgres::framed::bodiless;

pub(crate) const TAG: u8 = b'c';

bodiless! {
    /// A COPY stream is complete.
    CopyDone, TAG
}
