//! The one thread that forks every child.
//!
//! The parent-death signal is sent when the *thread* that forked dies, not the process. A test's
//! thread, or a runtime's blocking thread, may end long before the server it started should; this
//! one lives as long as the process.

use std::io;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

struct Request {
    command: Command,
    reply: SyncSender<io::Result<Child>>,
}

static SPAWNER: LazyLock<Option<Sender<Request>>> = LazyLock::new(|| {
    let (requests, queue) = channel::<Request>();
    let serve = move || {
        for Request { mut command, reply } in queue {
            // Nobody waiting any more: dropping a `Child` would leave it running, so end it.
            if let Err(unwanted) = reply.send(command.spawn())
                && let Ok(mut child) = unwanted.0
            {
                child.kill().and_then(|()| child.wait()).ok();
            }
        }
    };
    thread::Builder::new()
        .name("testbed-spawner".into())
        .spawn(serve)
        .ok()
        .map(|_| requests)
});

/// Starts the command from the thread that never ends.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    let gone = || io::Error::other("the thread that starts processes is gone");
    let requests = SPAWNER.as_ref().ok_or_else(gone)?;
    let (reply, answer) = sync_channel(1);
    requests
        .send(Request { command, reply })
        .map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}
