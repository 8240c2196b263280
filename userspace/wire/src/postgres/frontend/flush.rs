//! Flush: asks the server to send what it has, without ending the cycle. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// Asks the server to send what it has.
    Flush, tag::FLUSH
}
