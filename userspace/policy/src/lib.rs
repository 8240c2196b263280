//! Judgement: who may do what, who may see what clear, and what is sensitive at all.
//!
//! [`Policies`] is one immutable, validated bundle of Cedar policies and masking rules with one
//! version. [`Policies::judge`] is the only maker of a [`Permit`], but for [observing](Mode). Pure: no clock, no file, no
//! socket; sources come in as text.

#![forbid(unsafe_code)]

mod bundle;
mod diagnostic;
mod judge;
mod lookup;
mod masking;
mod observe;
mod path;
mod request;
mod verdict;
mod vocabulary;

pub use bundle::{Policies, PolicyVersion, Source};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use judge::suggest::{LeftOut, NameSighting, Sighting, Suggestion, Whom};
pub use lookup::{Lookup, LookupContext};
pub use masking::{Classified, DataClass, MaskingRules, Method};
pub use observe::{Mode, WouldBe};
pub use request::{Context, Moment, Program, Request, Subject, Target, Weekday};
pub use verdict::{Ask, Clear, Permit, Refusal, Verdict};
