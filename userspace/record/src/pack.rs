//! Compression: each body alone, so that a frame can be read without those before it, and a session
//! that says nothing holds nothing.
//!
//! What packs belongs to the thread, since it is large: some 150 KiB. Records of version 3 are one
//! zstd stream a session, flushed after each frame; they are still read.

use std::{cell::RefCell, io};

use zstd::{
    bulk::Compressor,
    stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer},
    zstd_safe::compress_bound,
};

use crate::frame::{MAX_BATCH, MAX_CONTENT};

/// As little as repeats from one statement to the next.
const LEVEL: i32 = 1;
/// What is longer than any batch of short entries is results, which must not wait for this: at half the
/// time and some three halves of the bytes.
const LONG: usize = 64 << 10;
const LONG_LEVEL: i32 = -7;
/// 32 KiB, of a stream.
const WINDOW_LOG: u32 = 15;
/// More than any body that stands alone has.
const ALONE_WINDOW_LOG: u32 = 25;
/// How much a buffer grows at a time.
const STEP: usize = 4 << 10;

thread_local! {
    static SHORT: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static LONGER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// Puts the content's length and the packed content behind what `out` holds.
pub(crate) fn pack(content: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    out.extend_from_slice(&length.to_le_bytes());
    let before = out.len();
    out.resize(before + compress_bound(content.len()), 0);
    let room = out.get_mut(before..).unwrap_or_default();
    let (compressor, level) = if content.len() > LONG {
        (&LONGER, LONG_LEVEL)
    } else {
        (&SHORT, LEVEL)
    };
    let written = compressor.with_borrow_mut(|compressor| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(level)?),
        };
        compressor.compress_to_buffer(content, room)
    })?;
    out.truncate(before + written);
    Ok(())
}

/// Unpacks bodies.
pub(crate) struct Unpacker {
    decoder: Decoder<'static>,
    /// All are parts of one stream, and come in order.
    streamed: bool,
}

/// What was packed is not what it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unpackable;

impl Unpacker {
    /// Of bodies that each stand alone.
    pub(crate) fn alone() -> io::Result<Self> {
        Self::new(ALONE_WINDOW_LOG, false)
    }

    /// Of the parts of one stream.
    pub(crate) fn streamed() -> io::Result<Self> {
        Self::new(WINDOW_LOG, true)
    }

    fn new(window_log: u32, streamed: bool) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        // What wants to remember more than ours do is none of ours.
        decoder.set_parameter(DParameter::WindowLogMax(window_log))?;
        Ok(Self { decoder, streamed })
    }

    /// The content. What is held grows with what comes out, never beyond what the body states, and
    /// that is bounded.
    pub(crate) fn unpack(&mut self, body: &[u8]) -> Result<Vec<u8>, Unpackable> {
        let (stated, packed) = body.split_first_chunk().ok_or(Unpackable)?;
        let stated = usize::try_from(u32::from_le_bytes(*stated)).map_err(|_| Unpackable)?;
        let most = if self.streamed {
            MAX_CONTENT
        } else {
            MAX_BATCH
        };
        if stated > most {
            return Err(Unpackable);
        }
        if !self.streamed {
            self.decoder.reinit().map_err(|_| Unpackable)?;
        }
        let mut out = Vec::new();
        let mut input = InBuffer::around(packed);
        let mut over = false;
        while !over {
            let before = (input.pos(), out.len());
            // One byte more than is stated has room, so that a surplus shows.
            out.reserve_exact(STEP.max(out.len()).min(stated + 1 - out.len()));
            let at = out.len();
            let mut buffer = OutBuffer::around_pos(&mut out, at);
            let more = self
                .decoder
                .run(&mut input, &mut buffer)
                .map_err(|_| Unpackable)?;
            // A stream never ends.
            if out.len() > stated || (more == 0 && self.streamed) {
                return Err(Unpackable);
            }
            over = more == 0;
            if !over && before == (input.pos(), out.len()) {
                break;
            }
        }
        let whole = input.pos() == packed.len() && out.len() == stated && over != self.streamed;
        whole.then_some(out).ok_or(Unpackable)
    }
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unpacker")
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn packed(contents: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let packed = |content: &Vec<u8>| {
            let mut out = Vec::new();
            pack(content, &mut out).unwrap();
            out
        };
        contents.iter().map(packed).collect()
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(contents in vec(vec(any::<u8>(), 0..2000), 0..20)) {
            let mut unpacker = Unpacker::alone().unwrap();
            // In any order: each stands alone.
            for (content, body) in contents.iter().zip(packed(&contents)).rev() {
                prop_assert_eq!(&unpacker.unpack(&body).unwrap(), content);
            }
        }

        #[test]
        fn nonsense_is_refused_and_harms_nothing(bodies in vec(vec(any::<u8>(), 0..200), 1..5)) {
            for mut unpacker in [Unpacker::alone().unwrap(), Unpacker::streamed().unwrap()] {
                for body in &bodies {
                    if let Ok(content) = unpacker.unpack(body) {
                        prop_assert!(content.len() <= MAX_BATCH);
                    }
                }
            }
        }
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        let body = packed(&[b"select 1".repeat(500)]).remove(0);
        for stated in [0, 1, 3999, 4001, 1 << 24, (1 << 24) + 1, u32::MAX] {
            let mut body = body.clone();
            body[..4].copy_from_slice(&stated.to_le_bytes());
            let got = Unpacker::alone().unwrap().unpack(&body);
            assert_eq!(got, Err(Unpackable), "{stated}");
        }
        assert_eq!(Unpacker::alone().unwrap().unpack(&[]), Err(Unpackable));
    }

    #[test]
    fn a_bomb_is_held_to_what_it_states() {
        let mut bomb = vec![0, 0, 1, 0];
        bomb.extend(zstd::bulk::compress(&vec![0; 64 << 20], 19).unwrap());
        assert_eq!(Unpacker::alone().unwrap().unpack(&bomb), Err(Unpackable));
    }

    #[test]
    fn a_stream_has_no_end_and_what_stands_alone_has_one() {
        let mut body = 5_u32.to_le_bytes().to_vec();
        body.extend(zstd::bulk::compress(b"hello", 1).unwrap());
        assert_eq!(Unpacker::streamed().unwrap().unpack(&body), Err(Unpackable));
        assert_eq!(Unpacker::alone().unwrap().unpack(&body).unwrap(), b"hello");
        for cut in 4..body.len() {
            let got = Unpacker::alone().unwrap().unpack(&body[..cut]);
            assert_eq!(got, Err(Unpackable), "{cut}");
        }
        body.push(0);
        assert_eq!(Unpacker::alone().unwrap().unpack(&body), Err(Unpackable));
    }

    #[test]
    fn what_can_not_be_compressed_still_fits_a_frame() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(MAX_CONTENT)
        .collect();
        let body = packed(std::slice::from_ref(&noise)).remove(0);
        assert!(body.len() + 16 <= crate::frame::MAX_BODY);
        assert!(Unpacker::alone().unwrap().unpack(&body).as_ref() == Ok(&noise));
    }
}
