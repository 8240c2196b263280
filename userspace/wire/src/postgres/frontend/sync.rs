//! Sync: ends a cycle of the extended query protocol, and the transaction it made. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// Ends a cycle of the extended query protocol.
    Sync, tag::SYNC
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Sync;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"S\0\0\0\x04";

    #[test]
    fn golden() {
        closed(GOLDEN, Sync::new(), Sync::decode);
    }
}
