//! Signed policy bundles: who vouches for the files of a directory, all of them together.
//!
//! Job: keys, the manifest that names each file by its hash, and its signature. Not its job: where
//! the files are and which bundle was taken last (`engine::policies`).
//!
//! Known limits: a key is trusted until it is taken out of the configuration; there is no expiry.

mod key;
mod manifest;

#[cfg(test)]
mod tests;

pub use key::{NotAKey, PublicKey, SigningKey, generate};
pub use manifest::{Manifest, NotSigned};

/// The file that names the others.
pub const MANIFEST: &str = "MANIFEST";
/// The file with its signature.
pub const SIGNATURE: &str = "MANIFEST.sig";
