//! One map, read and written entry by entry, from any thread at once.
//!
//! The kernel does each of these atomically, so nothing here asks for `&mut`, as aya's types do: a
//! lock on the way of every connection would be for nothing.

use std::{
    io,
    marker::PhantomData,
    mem::MaybeUninit,
    os::fd::{AsFd as _, AsRawFd as _, RawFd},
    path::Path,
};

use aya::{
    Ebpf, Pod,
    maps::{Map, MapData},
};

use super::bpf::bpf;
use crate::InterceptError;

/// `enum bpf_cmd`, include/uapi/linux/bpf.h.
const LOOKUP: libc::c_long = 1;
const UPDATE: libc::c_long = 2;
const DELETE: libc::c_long = 3;
const NEXT_KEY: libc::c_long = 4;

/// A hash or an array of `K` to `V`.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    name: &'static str,
    map: MapData,
    entries: PhantomData<fn(K) -> V>,
}

/// `union bpf_attr` for the commands above.
#[repr(C)]
struct Element {
    map: RawFd,
    padding: u32,
    key: u64,
    /// The value, or the next key.
    other: u64,
    flags: u64,
}

impl<K: Pod, V: Pod> Table<K, V> {
    /// Takes the map out of the object.
    pub(super) fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Self, InterceptError> {
        Self::find(ebpf, name).ok_or(InterceptError::ObjectLacks(name))
    }

    /// As [`take`](Self::take); `None` if no program of the object uses it.
    pub(super) fn find(ebpf: &mut Ebpf, name: &'static str) -> Option<Self> {
        match ebpf.take_map(name)? {
            Map::Array(map) | Map::HashMap(map) | Map::LruHashMap(map) => Self::of(name, map),
            _ => None,
        }
    }

    /// Opens the map of this name that is pinned in `dir`.
    pub(super) fn pinned(dir: &Path, name: &'static str) -> Result<Self, InterceptError> {
        let map = MapData::from_pin(dir.join(name)).map_err(|error| InterceptError::Map {
            map: name,
            source: Box::new(error),
        })?;
        Self::of(name, map).ok_or(InterceptError::ObjectLacks(name))
    }

    fn of(name: &'static str, map: MapData) -> Option<Self> {
        // The kernel copies as many bytes as the map's own shape says, not as many as ours.
        let fits = map.info().is_ok_and(|info| {
            let is = [info.key_size(), info.value_size()];
            is.map(usize::try_from) == [size_of::<K>(), size_of::<V>()].map(Ok)
        });
        fits.then_some(Self {
            name,
            map,
            entries: PhantomData,
        })
    }

    /// What lies under this key.
    pub(crate) fn get(&self, key: K) -> Result<Option<V>, InterceptError> {
        let mut value = MaybeUninit::<V>::uninit();
        match self.call(LOOKUP, Some(&key), value.as_mut_ptr().expose_provenance()) {
            // SAFETY: the kernel filled it, to the size that was checked; any bytes are a value.
            Ok(()) => Ok(Some(unsafe { value.assume_init() })),
            Err(error) => none(error).map_err(|error| self.failed(error)),
        }
    }

    /// Takes out what lies under this key. Two that ask at once may both be given it.
    pub(crate) fn remove_and_get(&self, key: K) -> Result<Option<V>, InterceptError> {
        let found = self.get(key)?;
        if found.is_some() {
            self.remove(key)?;
        }
        Ok(found)
    }

    /// Puts a value under a key, in the place of another if need be.
    pub(crate) fn insert(&self, key: K, value: V) -> Result<(), InterceptError> {
        let value = (&raw const value).expose_provenance();
        self.call(UPDATE, Some(&key), value)
            .map_err(|error| self.failed(error))
    }

    /// Removes an entry; one that is not there is as good.
    pub(crate) fn remove(&self, key: K) -> Result<(), InterceptError> {
        match self.call(DELETE, Some(&key), 0) {
            Ok(()) => Ok(()),
            Err(error) => none::<()>(error)
                .map(drop)
                .map_err(|error| self.failed(error)),
        }
    }

    /// Every key, as far as they stay while this asks: one that is removed meanwhile makes the
    /// kernel begin anew, so the number of steps is bounded.
    pub(crate) fn keys(&self) -> Vec<K> {
        const STEPS: usize = 1 << 18;
        let mut keys = Vec::new();
        let mut last: Option<K> = None;
        for _ in 0..STEPS {
            let mut next = MaybeUninit::<K>::uninit();
            let found = self.call(
                NEXT_KEY,
                last.as_ref(),
                next.as_mut_ptr().expose_provenance(),
            );
            if found.is_err() {
                break;
            }
            // SAFETY: the kernel filled it, to the size that was checked; any bytes are a key.
            let key = unsafe { next.assume_init() };
            keys.push(key);
            last = Some(key);
        }
        keys
    }

    fn call(&self, command: libc::c_long, key: Option<&K>, other: usize) -> io::Result<()> {
        let key = key.map_or(0, |key| std::ptr::from_ref(key).expose_provenance());
        let mut attr = Element {
            map: self.map.fd().as_fd().as_raw_fd(),
            padding: 0,
            key: key as u64,
            other: other as u64,
            flags: 0,
        };
        bpf(command, &mut attr).map(drop)
    }

    fn failed(&self, source: io::Error) -> InterceptError {
        InterceptError::Map {
            map: self.name,
            source: Box::new(source.into()),
        }
    }
}

/// An entry that is not there is no error.
fn none<T>(error: io::Error) -> Result<Option<T>, io::Error> {
    match error.raw_os_error() {
        Some(libc::ENOENT) => Ok(None),
        _ => Err(error),
    }
}
