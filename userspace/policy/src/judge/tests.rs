mod approval;
mod examples;
mod hostile;
mod lookups;
mod observing;
mod precedence;
mod shipped;
pub(super) mod support;
mod weakening;
