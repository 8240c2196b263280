//! ParseComplete: a Parse succeeded. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// A Parse succeeded.
    ParseComplete, tag::PARSE_COMPLETE
}

#[cfg(test)]
pub(crate) mod tests {
    use super::ParseComplete;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"1\0\0\0\x04";

    #[test]
    fn golden() {
        closed(GOLDEN, ParseComplete::new(), ParseComplete::decode);
    }
}
