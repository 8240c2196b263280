//! Judgement: who may do what, who may see what clear, and what is sensitive at all.
//!
//! [`Policies`] is one immutable, validated bundle of Cedar policies and masking rules with one
//! version. [`Policies::judge`] is the only maker of a [`Permit`], but for [observing](Mode) and for
//! what humans have said to an [`Ask`]. Pure: no clock, no file, no
//! socket; sources come in as text.

#![forbid(unsafe_code)]

mod ask;
mod bundle;
mod cases;
mod detect;
mod diagnostic;
mod explain;
mod judge;
mod lookup;
mod masking;
mod observe;
mod path;
mod request;
mod signals;
mod verdict;
mod vocabulary;

pub use ask::{
    Answer, Approver, Ask, Binding, Demand, Matter, NotGranted, OPERATOR, Requirement, Scope,
};
pub use bundle::{Grant, Grantable, Policies, PolicyVersion, Source};
pub use cases::{Case, Tried};
pub use detect::{Detector, Detectors};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use explain::{Change, Deciding, Explanation, Facts, LookupFacts, Ruling};
pub use judge::suggest::{LeftOut, NameSighting, Sighting, Suggestion, Whom};
pub use judge::{Asked, Asking, StatementFacts};
pub use lookup::{Lookup, LookupContext};
pub use masking::{
    Classified, DataClass, Detection, Hit, Hits, MaskingRules, Method, Net, OfRelation,
};
pub use observe::{Mode, WouldBe};
pub use request::{
    Behind, Context, Moment, Named, Names, Program, Request, RowCounts, Subject, Target, Weekday,
};
pub use signals::{
    Amount, BudgetStanding, Footprint, Ledger, ProfileStanding, Raised, RaisedSignal, SignalRules,
    Snapshot, UnixMillis, Watch, Who,
};
pub use verdict::{Clear, Permit, Refusal, Verdict};
