//! Terminate: ends the session. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// Ends the session.
    Terminate, tag::TERMINATE
}
