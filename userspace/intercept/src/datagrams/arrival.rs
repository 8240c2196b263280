//! When a datagram arrived, by the clock that the programs tell time by.

use std::time::Duration;

use nix::{
    sys::{socket::ControlMessageOwned, time::TimeSpec},
    time::{ClockId, clock_gettime},
};
use weir_abi::{QUIET_NS, SourceNote};

/// Between what the programs say and when the kernel says that a datagram arrived. Half of what a
/// source is silent before it is another's: what lies on the other side of that is not taken for it.
const SLACK: Duration = Duration::from_nanos(QUIET_NS / 2);

/// `CLOCK_BOOTTIME` at the arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival(Duration);

impl Arrival {
    /// From what the kernel says along with the datagram, by the wall clock. A clock that is set
    /// meanwhile makes it wrong for what waits to be read at that moment, which is then dropped.
    pub(super) fn told(messages: impl Iterator<Item = ControlMessageOwned>) -> Option<Self> {
        let mut stamps = messages.filter_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(at) => Some(duration(at)),
            _ => None,
        });
        let stamp = stamps.next()?;
        let wall = duration(clock_gettime(ClockId::CLOCK_REALTIME).ok()?);
        let boot = duration(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
        boot.checked_sub(wall.checked_sub(stamp)?).map(Self)
    }

    /// Whether a datagram that arrived then can be one that the note is of.
    pub(super) fn fits(self, note: &SourceNote) -> bool {
        let since = Duration::from_nanos(note.since_ns);
        let last = Duration::from_nanos(note.last_ns);
        self.0 + SLACK >= since && self.0 <= last + SLACK
    }
}

fn duration(time: TimeSpec) -> Duration {
    Duration::from(time)
}
