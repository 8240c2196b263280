//! NoData: what was described returns no rows. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// What was described returns no rows.
    NoData, tag::NO_DATA
}

#[cfg(test)]
pub(crate) mod tests {
    use super::NoData;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"n\0\0\0\x04";

    #[test]
    fn golden() {
        closed(GOLDEN, NoData::new(), NoData::decode);
    }
}
