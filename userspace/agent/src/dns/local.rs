//! `localhost` and what lies below it: answered here, and never asked about elsewhere (RFC 6761,
//! 6.3).

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::{
    op::ResponseCode,
    rr::{
        RData, Record, RecordType,
        rdata::{A, AAAA},
    },
};

use super::{found::Found, question::Query};

/// The answer, where it is weir's to give.
pub(super) fn answer(query: &Query) -> Option<Found> {
    let name = query.question.name.as_str();
    if name != "localhost" && !name.ends_with(".localhost") {
        return None;
    }
    let data = match query.question.record_type {
        RecordType::A => Some(RData::A(A(Ipv4Addr::LOCALHOST))),
        RecordType::AAAA => Some(RData::AAAA(AAAA(Ipv6Addr::LOCALHOST))),
        _ => None,
    };
    let record = |data| Record::from_rdata(query.as_asked.clone(), 0, data);
    Some(Found {
        code: ResponseCode::NoError,
        records: data.map(record).into_iter().collect(),
        authority: None,
    })
}
