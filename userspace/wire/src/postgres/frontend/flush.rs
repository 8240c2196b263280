//! Flush: asks the server to send what it has, without ending the cycle. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// Asks the server to send what it has.
    Flush, tag::FLUSH
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Flush;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"H\0\0\0\x04";

    #[test]
    fn golden() {
        closed(GOLDEN, Flush::new(), Flush::decode);
    }
}
