//! EmptyQueryResponse: stands for CommandComplete where there was no statement. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// Stands for CommandComplete where there was no statement.
    EmptyQueryResponse, tag::EMPTY_QUERY_RESPONSE
}
