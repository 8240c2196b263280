//! The COPY messages that both peers send. 55.2.6 "COPY Operations".

mod data;
mod done;

pub use data::CopyData;
pub(crate) use data::TAG as DATA_TAG;
pub use done::CopyDone;
pub(crate) use done::TAG as DONE_TAG;

#[cfg(test)]
pub(crate) use data::tests::GOLDEN as GOLDEN_DATA;
#[cfg(test)]
pub(crate) use done::tests::GOLDEN as GOLDEN_DONE;
