//! NoData: what was described returns no rows. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// What was described returns no rows.
    NoData, tag::NO_DATA
}
