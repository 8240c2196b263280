//! ParseComplete: a Parse succeeded. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// A Parse succeeded.
    ParseComplete, tag::PARSE_COMPLETE
}
