//! The note on a client's socket: who asked, and for what.

use aya_ebpf::{EbpfContext as _, programs::SockAddrContext};
use weir_abi::Reason;

use crate::{
    caller,
    context::{Asked, socket},
    maps::PENDING,
    process, storage,
};

/// Leaves it. Written anew by every call that names a destination, so a socket that is used again
/// never carries an older call's facts.
#[inline(always)]
pub fn leave(ctx: &SockAddrContext, asked: &Asked, workload: u64) -> Result<(), Reason> {
    let pending = storage::get_or_create(&PENDING, socket(ctx)).ok_or(Reason::NoRoom)?;
    let facts = caller::facts(ctx.as_ptr(), asked, workload);
    process::note(&facts)?;
    // SAFETY: a map value of this type, not null, alive while the program runs. The kernel locks the
    // socket around the address hooks, so nothing else writes it.
    unsafe { *pending = facts };
    Ok(())
}
