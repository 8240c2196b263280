//! EmptyQueryResponse: stands for CommandComplete where there was no statement. 55.7 "Message Formats".

use super::tag;
use crate::postgres::framed::bodiless;

bodiless! {
    /// Stands for CommandComplete where there was no statement.
    EmptyQueryResponse, tag::EMPTY_QUERY_RESPONSE
}

#[cfg(test)]
pub(crate) mod tests {
    use super::EmptyQueryResponse;
    use crate::postgres::golden::closed;

    pub(crate) const GOLDEN: &[u8] = b"I\0\0\0\x04";

    #[test]
    fn golden() {
        closed(
            GOLDEN,
            EmptyQueryResponse::new(),
            EmptyQueryResponse::decode,
        );
    }
}
