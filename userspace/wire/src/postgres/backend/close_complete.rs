//! CloseComplete: a Close succeeded. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// A Close succeeded.
    CloseComplete, tag::CLOSE_COMPLETE
}

#[cfg(test)]
pub(crate) mod tests {
    use super::CloseComplete;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"3\0\0\0\x04";

    #[test]
    fn golden() {
        closed(GOLDEN, CloseComplete::new(), CloseComplete::decode);
    }
}
