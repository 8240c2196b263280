mod approval;
mod examples;
mod hostile;
mod observing;
mod precedence;
mod shipped;
mod support;
mod weakening;
