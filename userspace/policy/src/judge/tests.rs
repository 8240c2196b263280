mod approval;
mod examples;
mod hostile;
mod precedence;
mod shipped;
mod support;
mod weakening;
