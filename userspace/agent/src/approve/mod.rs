//! Hold an [`Ask`](weir_policy::Ask) until humans say, and carry their answers back to whoever waits.
//!
//! Job: one table of what waits, who may see and answer it, and what was said. A settlement is made
//! once, under one lock: an answer, a time-out and an agent that goes away race for it, and who
//! comes second finds it made. What is settled as approved comes with [answers] that only
//! [`Ask::granted`](weir_policy::Ask::granted) turns into a permit, and it looks at them again.
//!
//! Not its job: the wait itself (the sessions'), who people are (`control`), and judging.
//!
//! Known limits: what waits doesn't outlive the daemon; it is told as refused afterwards. Root can
//! answer for what another user of the same host asks, also where both are one human. A yes for a
//! session or a shape stands until it ends, the policy changes or weir stops, even when whoever gave
//! it has left the group since.
//!
//! [answers]: weir_policy::Answer

mod approver;
mod desk;
mod error;
mod facts;
mod hold;
mod journal;
mod refusal;
mod registry;
mod request;
mod said;
mod standing;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod view;

pub use self::{
    approver::{operator, person},
    desk::{Desk, Question},
    error::AnswerError,
    hold::{Asked, Hold, Settlement},
    journal::JournalError,
    refusal::{DENIED, RULE, RULES, Unheld, not_asked, settled, unheld},
    registry::{Approvals, Change, Limits, Shown},
    request::{Given, Request, Rows, SettledAt, Who},
    said::Said,
    standing::MOST_MINUTES,
};
