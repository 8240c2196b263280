//! PortalSuspended: an Execute reached its row limit before the end. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// An Execute reached its row limit before the end.
    PortalSuspended, tag::PORTAL_SUSPENDED
}

#[cfg(test)]
pub(crate) mod tests {
    use super::PortalSuspended;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"s\0\0\0\x04";

    #[test]
    fn golden() {
        closed(GOLDEN, PortalSuspended::new(), PortalSuspended::decode);
    }
}
