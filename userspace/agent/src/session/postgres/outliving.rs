//! What a session that breaks off has under way at the target, and what that may change for others.
//!
//! A server carries on with a statement whose client is gone, and closes the connection once it is done.
//! Until then the others' answers are held against looks, as if the session were still there.

use std::time::Duration;

use tokio::{
    io::{AsyncWriteExt, split},
    time::timeout,
};

use super::{changes::UnderWay, greet::drain};
use crate::tls::Plain;

/// How long a statement may outlive its session before the others' usual looks must do.
const LONGEST: Duration = Duration::from_secs(3600);

/// Waits until the target is done, and tells the others.
pub(super) async fn outlive(target: Plain, under_way: UnderWay) {
    // A target that says much takes nothing before that is read.
    let (mut says, mut hears) = split(target);
    let done = async { tokio::join!(hears.shutdown(), drain(&mut says, LONGEST)) };
    timeout(LONGEST, done).await.ok();
    under_way.tell();
}
