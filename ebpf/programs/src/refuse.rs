//! Telling userspace what was refused.

use weir_abi::{ConnectFacts, Hook, Reason, Refusal};

use crate::maps::{LOST, REFUSALS};

/// Puts a refusal in the ring buffer, or counts it as lost. The refusal itself never depends on
/// whether it could be told.
#[inline(always)]
pub fn tell(facts: ConnectFacts, hook: Hook, reason: Reason) {
    let refusal = Refusal {
        facts,
        hook: hook.number(),
        reason: reason.number(),
        padding: [0; 6],
    };
    if REFUSALS.output(refusal, 0).is_err()
        && let Some(lost) = LOST.get_ptr_mut(0)
    {
        // SAFETY: this processor's own element of the map, alive while the program runs. Another
        // program that preempts this one here may make the count one too low, no worse.
        let lost = unsafe { &mut *lost };
        *lost = lost.wrapping_add(1);
    }
}
