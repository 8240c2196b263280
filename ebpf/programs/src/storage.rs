//! Socket storage in the hooks whose contexts aya's typed access does not know.

use aya_ebpf::{
    bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock},
    btf_maps::SkStorage,
    helpers::generated::bpf_sk_storage_get,
};

/// What lies on this socket, if anything does.
#[inline(always)]
pub fn get<T>(map: &'static SkStorage<T>, socket: *mut bpf_sock) -> Option<*mut T> {
    find(map, socket, 0)
}

/// What lies on this socket, zeroed room made for it if nothing does. `None` when there is no
/// memory.
#[inline(always)]
pub fn get_or_create<T>(map: &'static SkStorage<T>, socket: *mut bpf_sock) -> Option<*mut T> {
    find(map, socket, u64::from(BPF_SK_STORAGE_GET_F_CREATE))
}

#[inline(always)]
fn find<T>(map: &'static SkStorage<T>, socket: *mut bpf_sock, flags: u64) -> Option<*mut T> {
    if socket.is_null() {
        return None;
    }
    let map = core::ptr::from_ref(map).cast_mut().cast();
    // SAFETY: `map` is a socket storage map (the loader replaces its address by the map), `socket`
    // came from this program's context and is not null; a null value means zeroes.
    let found = unsafe { bpf_sk_storage_get(map, socket.cast(), core::ptr::null_mut(), flags) };
    (!found.is_null()).then_some(found.cast())
}
