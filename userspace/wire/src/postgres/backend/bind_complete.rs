//! BindComplete: a Bind succeeded. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// A Bind succeeded.
    BindComplete, tag::BIND_COMPLETE
}
