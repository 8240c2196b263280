//! What a resolver answered, held to the question: the records that belong to it, and no others.
//!
//! Job: follow the aliases from the name that was asked, take what lies on that way, and leave out
//! whatever else an answer holds. TTLs stay as they are. Not its job: asking.
//!
//! Limits: signatures (DNSSEC) are left out, so a workload can't validate for itself.

use std::{fmt, net::IpAddr};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType, rdata::CNAME},
};

use super::question::type_name;

/// Most aliases from a name to what it stands for.
const MOST_ALIASES: usize = 16;
/// Most records that one answer may hand on.
const MOST_RECORDS: usize = 256;
/// Most records that a summary names.
const MOST_SHOWN: usize = 16;

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// `NOERROR` or `NXDOMAIN`.
    pub(super) code: ResponseCode,
    /// Aliases in their order, then what was asked for.
    pub(super) records: Vec<Record>,
    /// Where nothing was found: how long that may be believed.
    pub(super) authority: Option<Record>,
}

impl Found {
    /// The answer that a resolver's message holds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of(
        message: Message,
        asked: &Name,
        record_type: RecordType,
    ) -> Result<Self, &'static str> {
        let mut name = asked.clone();
        let mut records: Vec<Record> = Vec::new();
        let belongs =
            |record: &Record, name: &Name| record.dns_class == DNSClass::IN && record.name == *name;
        loop {
            let wanted = message.answers.iter().filter(|record| {
                let of_type = record.record_type() == record_type || record_type == RecordType::ANY;
                of_type && belongs(record, &name)
            });
            let before = records.len();
            records.extend(wanted.cloned());
            if records.len() > before || record_type == RecordType::CNAME {
                break;
            }
            let alias = message.answers.iter().find_map(|record| {
                let target = alias(record)?;
                belongs(record, &name).then_some((record, target))
            });
            let Some((record, target)) = alias else {
                break;
            };
            if records.len() >= MOST_ALIASES {
                return Err("more than 16 aliases, or aliases in a circle");
            }
            records.push(record.clone());
            name = target.clone();
        }
        if records.len() > MOST_RECORDS {
            return Err("more than 256 records");
        }
        if records.is_empty() && !message.answers.is_empty() {
            return Err("an answer to another question");
        }
        let nothing = records.iter().all(|record| alias(record).is_some());
        let authority = message.authorities.into_iter().find(|record| {
            nothing
                && record.record_type() == RecordType::SOA
                && record.dns_class == DNSClass::IN
                && record.name.zone_of(&name)
        });
        Ok(Self {
            code: message.metadata.response_code,
            records,
            authority,
        })
    }

    /// The addresses, and how many seconds each may be used.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (IpAddr, u32)> {
        self.records.iter().filter_map(|record| {
            let address = match &record.data {
                RData::A(address) => IpAddr::V4(address.0),
                RData::AAAA(address) => IpAddr::V6(address.0),
                _ => return None,
            };
            Some((address.to_canonical(), record.ttl))
        })
    }
}

fn alias(record: &Record) -> Option<&Name> {
    match &record.data {
        RData::CNAME(CNAME(target)) => Some(target),
        _ => None,
    }
}

/// The name of a response code, as tools of the DNS print it.
pub(super) fn code_name(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        other => format!("RCODE{}", u16::from(other)),
    }
}

/// Whether an answer, as the record has it, says that there is no such name.
pub(crate) fn is_absent(tag: &str) -> bool {
    tag.split(' ').next() == Some(code_name(ResponseCode::NXDomain).as_str())
}

/// For the record: `NOERROR CNAME lb.example. 300, A 192.0.2.1 60`.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&code_name(self.code))?;
        for (number, record) in self.records.iter().enumerate() {
            if number == MOST_SHOWN {
                return write!(f, " and {} more", self.records.len() - MOST_SHOWN);
            }
            f.write_str(if number == 0 { " " } else { ", " })?;
            f.write_str(&type_name(record.record_type()))?;
            match &record.data {
                RData::A(address) => write!(f, " {}", address.0)?,
                RData::AAAA(address) => write!(f, " {}", address.0)?,
                RData::CNAME(CNAME(target)) => write!(f, " {}", target.to_ascii())?,
                // What else there is may hold anything; the bytes are on record.
                _ => {}
            }
            write!(f, " {}", record.ttl)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
