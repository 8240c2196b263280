//! The index of records: what `weir sessions` searches. It can be deleted and rebuilt from the
//! records at any time; they are the truth.

#![forbid(unsafe_code)]
