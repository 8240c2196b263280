//! BindComplete: a Bind succeeded. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// A Bind succeeded.
    BindComplete, tag::BIND_COMPLETE
}

#[cfg(test)]
pub(crate) mod tests {
    use super::BindComplete;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"2\0\0\0\x04";

    #[test]
    fn golden() {
        closed(GOLDEN, BindComplete::new(), BindComplete::decode);
    }
}
