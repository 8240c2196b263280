//! CopyDone: a COPY stream is complete, either way. 55.7 "Message Formats".

use crate::postgres::framed::bodiless;

pub(crate) const TAG: u8 = b'c';

bodiless! {
    /// A COPY stream is complete.
    CopyDone, TAG
}

#[cfg(test)]
pub(crate) mod tests {
    use super::CopyDone;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"c\0\0\0\x04";

    #[test]
    fn golden() {
        closed(GOLDEN, CopyDone::new(), CopyDone::decode);
    }
}
