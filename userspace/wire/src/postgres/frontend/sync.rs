//! Sync: ends a cycle of the extended query protocol, and the transaction it made. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// Ends a cycle of the extended query protocol.
    Sync, tag::SYNC
}
