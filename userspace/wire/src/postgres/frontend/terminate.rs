//! Terminate: ends the session. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// Ends the session.
    Terminate, tag::TERMINATE
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Terminate;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"X\0\0\0\x04";

    #[test]
    fn golden() {
        closed(GOLDEN, Terminate::new(), Terminate::decode);
    }
}
