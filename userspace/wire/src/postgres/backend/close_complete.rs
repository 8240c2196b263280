//! CloseComplete: a Close succeeded. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// A Close succeeded.
    CloseComplete, tag::CLOSE_COMPLETE
}
