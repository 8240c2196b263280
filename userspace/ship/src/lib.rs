//! Takes finished records to object storage and events to where a security team reads them: an outage
//! delays and loses nothing.
//!
//! There is no queue beside what is on disk already. The records and the audit log are the truth; a
//! sink is a place in them ([`cursor`]) that moves once its receiver has what comes before it. So
//! nothing is written twice, nothing can overflow, and a sink that was down for days, or is declared
//! for the first time, finds all that it missed as long as retention keeps it. Delivery is at least
//! once: whoever receives an event twice knows it by `metadata.uid`.
//!
//! Not its job: the hot path. Nothing here is called by a session, and nothing that fails here stops
//! traffic.
//!
//! | room | its one job |
//! |---|---|
//! | [`ocsf`] | an event in OCSF's words |
//! | `feed` | what is to be told next, from the disk |
//! | `cursor` | how far a sink has come |
//! | `sink` | one kind of receiver each |
//! | `courier` | feed to sink to cursor; waits out an outage, parks what is refused for good |
//! | `s3` | finished records to object storage, resumable and verified |
//! | `shipper` | all of them, and how they stand |

#![forbid(unsafe_code)]

mod backoff;
mod courier;
mod cursor;
mod feed;
pub mod ocsf;
mod s3;
mod shipper;
mod sink;
mod status;
mod trust;

pub use feed::Source;
pub use s3::{S3Credentials, S3Options, Shipped};
pub use shipper::{S3, ShipError, Shipper, Shipping};
pub use sink::{HttpFormat, SinkKind, SinkOptions};
pub use status::SinkStatus;
pub use trust::{ClientCertificate, TrustError};
