//! PortalSuspended: an Execute reached its row limit before the end. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// An Execute reached its row limit before the end.
    PortalSuspended, tag::PORTAL_SUSPENDED
}
