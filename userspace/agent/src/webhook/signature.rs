//! What shows a receiver that weir sent it, and when.

use std::fmt::Write as _;

use jiff::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

/// `t=<seconds since 1970>,v1=<HMAC-SHA256 over "<t>.<body>" in hexadecimal>`.
pub(super) fn sign(secret: &SecretString, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let mut signature = format!("t={seconds},v1=");
    for byte in context.sign().as_ref() {
        // Writing to a string can't fail.
        write!(signature, "{byte:02x}").ok();
    }
    signature
}
