//! The memory that the kernel receives into: buffers that all sockets of a ring share
//! (`io_uring_register_buf_ring(3)`), each given back as soon as what came was taken out of it.

use std::{
    io,
    sync::atomic::{AtomicU16, Ordering},
};

use io_uring::{Submitter, types::BufRingEntry};
use memmap2::{MmapMut, MmapRaw};

/// How many there are; a power of two.
const COUNT: u16 = 32;
/// How much each takes. Little more than its first page is ever used where messages are short.
const SIZE: u32 = 64 << 10;
/// How much of the memory the entries have that tell the kernel of the buffers.
const ENTRIES: usize = 4 << 10;
/// The group of these buffers. There is one to a ring.
pub(crate) const GROUP: u16 = 0;

/// The buffers.
#[derive(Debug)]
pub(crate) struct Buffers {
    map: MmapRaw,
    tail: u16,
}

impl Buffers {
    /// Makes buffers, and tells the ring of them.
    pub(crate) fn new(ring: &Submitter<'_>) -> io::Result<Self> {
        let length = ENTRIES + usize::from(COUNT) * SIZE as usize;
        let map = MmapRaw::from(MmapMut::map_anon(length)?);
        // SAFETY: the entries are at the beginning of the map, which begins with a page and has room
        // for them; it is unmapped after the ring has forgotten it, or never (`Ring`'s drop).
        unsafe { ring.register_buf_ring_with_flags(map.as_ptr() as u64, COUNT, GROUP, 0) }?;
        let mut buffers = Self { map, tail: 0 };
        (0..COUNT).for_each(|number| buffers.give_back(number));
        Ok(buffers)
    }

    /// What came in a buffer.
    pub(crate) fn get(&self, number: u16, length: usize) -> &[u8] {
        let length = length.min(SIZE as usize);
        // SAFETY: `data` is within the map with so many bytes behind it, all of which were written by
        // the kernel or are zero; until it is given back the kernel doesn't write to it.
        unsafe { std::slice::from_raw_parts(self.data(number), length) }
    }

    /// Lets the kernel use a buffer, again.
    pub(crate) fn give_back(&mut self, number: u16) {
        let place = usize::from(self.tail % COUNT);
        let address = self.data(number) as u64;
        let entries = self.map.as_mut_ptr().cast::<BufRingEntry>();
        // SAFETY: the place is one of COUNT entries, for which there is room at the map's beginning.
        let entry = unsafe { entries.add(place) };
        // SAFETY: it is aligned, as a page is, and initialised (zero); the kernel doesn't look at it
        // before the tail is behind it, and nobody else has it.
        let entry = unsafe { &mut *entry };
        entry.set_addr(address);
        entry.set_len(SIZE);
        entry.set_bid(number % COUNT);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: it is the address of the first of the entries, all of which are initialised (zero).
        let tail = unsafe { BufRingEntry::tail(entries) };
        // SAFETY: the tail is aligned, within the map, lives as long as that, and is only used as an
        // atomic.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    fn data(&self, number: u16) -> *mut u8 {
        let at = ENTRIES + usize::from(number % COUNT) * SIZE as usize;
        // SAFETY: a buffer's number is below COUNT, so this is within the map.
        unsafe { self.map.as_mut_ptr().add(at) }
    }
}
