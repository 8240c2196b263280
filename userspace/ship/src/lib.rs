//! Takes finished records to object storage and events to where a security team reads them, from a
//! durable queue: an outage delays and loses nothing.

#![forbid(unsafe_code)]

pub mod ocsf;
