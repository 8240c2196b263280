//! What a liar makes of an honest stream: one lie, anywhere.

use super::chance::Chance;

/// Changes the messages of a stream, each of which has a type byte and a length. Says what it did.
pub(crate) fn lies(chance: &mut Chance, frames: &mut Vec<Vec<u8>>) -> &'static str {
    if frames.is_empty() {
        return "nothing";
    }
    let at = chance.below(frames.len());
    let mut frame = frames[at].clone();
    let body = frame.len() - 5;
    match chance.below(12) {
        0 => {
            frames.remove(at);
            return "a message is missing";
        }
        1 => {
            frames.insert(at, frame);
            return "a message comes twice";
        }
        2 => {
            let other = chance.below(frames.len());
            frames.swap(at, other);
            return "two messages in the wrong order";
        }
        3 => {
            frame.truncate(chance.below(frame.len()));
            frames.truncate(at);
            frames.push(frame);
            return "the stream ends in a message";
        }
        4 => {
            let length = [
                0,
                3,
                4,
                body + 3,
                body + 5,
                70_000,
                0x7fff_ffff,
                0x8000_0000,
            ];
            let length = u32::try_from(length[chance.below(length.len())]).unwrap();
            frames[at][1..5].copy_from_slice(&length.to_be_bytes());
            return "a length lies";
        }
        5 if body >= 2 => {
            let place = 5 + chance.below(body - 1);
            let count: [u8; 2] =
                [[0xff, 0xff], [0x7f, 0xff], [0x80, 0], [0, 0], [0, 200]][chance.below(5)];
            frames[at][place..place + 2].copy_from_slice(&count);
            return "a count lies";
        }
        6 if body >= 4 => {
            let place = 5 + chance.below(body - 3);
            let length = [i32::MIN, -2, -1, 0, 1000, i32::MAX][chance.below(6)];
            frames[at][place..place + 4].copy_from_slice(&length.to_be_bytes());
            return "the length of a value lies";
        }
        7 if body >= 1 => {
            let place = 5 + chance.below(body);
            frames[at][place] = chance.next().to_be_bytes()[0];
            return "a byte is another";
        }
        8 => {
            const TAGS: &[u8] = b"123ABCDEFGHIKNPQRSTVWXZcdfnpstv\0\xff";
            frames[at][0] = TAGS[chance.below(TAGS.len())];
            return "a message of another type";
        }
        9 => frame.truncate(5 + chance.below(body + 1)),
        10 => frame.extend((0..chance.below(9)).map(|_| b'x')),
        _ => {
            let made = (0..chance.below(40)).map(|_| chance.next().to_be_bytes()[0]);
            let made: Vec<u8> = made.collect();
            frame.truncate(5);
            frame.extend(made);
        }
    }
    let length = u32::try_from(frame.len() - 1).unwrap();
    frame[1..5].copy_from_slice(&length.to_be_bytes());
    frames[at] = frame;
    "a body that is another"
}
