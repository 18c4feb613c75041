//! Numbers and texts of a GGUF file, one after the other, with where each stands.
//!
//! What a length field claims is held against what is left of the file before anything is read by it, and memory grows as
//! bytes arrive.

use std::io::BufRead;

use crate::located::PresetError;

/// No header is as large: the vocabulary of a quarter of a million words takes 10 MiB.
pub(super) const LARGEST_HEADER: u64 = 128 << 20;

/// A text beyond this is passed over: of the long ones, templates of chats, nothing is read here.
const LONGEST_TEXT: u64 = 1 << 16;

/// So many numbers of arrays are kept of all that a file has.
const MOST_NUMBERS: u64 = 1 << 20;

/// The head of a file.
pub(super) struct Reader<'o, R> {
    bytes: R,
    origin: &'o str,
    at: u64,
    /// How many bytes the file has.
    length: u64,
    /// Where a header must have ended.
    most: u64,
    big_endian: bool,
    /// How many numbers of arrays may still be kept.
    room: u64,
}

/// An error about a key of a file, whose letters a terminal can show.
pub(super) fn located(origin: &str, key: &str, message: &str) -> PresetError {
    let mut error = PresetError::file(origin, message);
    error.place.key = shown(key);
    error
}

/// A name of a file as it can be shown: on one line, and not without end.
pub(super) fn shown(name: &str) -> String {
    const LONGEST: usize = 128;
    name.chars().take(LONGEST).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

impl<'o, R: BufRead> Reader<'o, R> {
    pub(super) fn new(bytes: R, length: u64, origin: &'o str, most: u64) -> Self {
        Self { bytes, origin, at: 0, length, most, big_endian: false, room: MOST_NUMBERS }
    }

    /// Bytes that were read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// From here on numbers begin with their highest byte.
    pub(super) fn is_big_endian(&mut self) {
        self.big_endian = true;
    }

    /// Whether there is room for so many numbers of an array, which is taken.
    pub(super) fn has_room(&mut self, numbers: u64) -> bool {
        let left = self.room.checked_sub(numbers);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }

    /// Bytes that are left of the file.
    pub(super) fn left(&self) -> u64 {
        self.length.saturating_sub(self.at)
    }

    /// An error about a key, or about none in particular, at a byte of the file.
    pub(super) fn error_at(&self, at: u64, key: &str, message: &str) -> PresetError {
        located(self.origin, key, &format!("at byte {at}: {message}"))
    }

    /// The same at the byte that comes next.
    pub(super) fn error(&self, key: &str, message: &str) -> PresetError {
        self.error_at(self.at, key, message)
    }

    /// So many bytes are about to be read of what `what` names.
    fn claim(&self, bytes: u64, key: &str, what: &str) -> Result<(), PresetError> {
        let left = self.left();
        if bytes > left {
            return Err(self.error(key, &format!("{what} of {bytes} bytes, where the file has {left} left")));
        }
        if self.at.saturating_add(bytes) > self.most {
            let most = LARGEST_HEADER >> 20;
            return Err(self.error(key, &format!("a header of more than {most} MiB, which none has")));
        }
        Ok(())
    }

    /// A number's bytes, the lowest first.
    fn number<const N: usize>(&mut self, key: &str, what: &str) -> Result<[u8; N], PresetError> {
        self.claim(N as u64, key, what)?;
        let mut bytes = [0; N];
        self.bytes.read_exact(&mut bytes).map_err(|error| self.error(key, &error.to_string()))?;
        self.at += N as u64;
        if self.big_endian {
            bytes.reverse();
        }
        Ok(bytes)
    }

    pub(super) fn raw<const N: usize>(&mut self) -> Result<[u8; N], PresetError> {
        self.number("", "a field")
    }

    pub(super) fn u8(&mut self, key: &str) -> Result<u8, PresetError> {
        self.number(key, "a number").map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self, key: &str) -> Result<u16, PresetError> {
        self.number(key, "a number").map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, key: &str) -> Result<u32, PresetError> {
        self.number(key, "a number").map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, key: &str) -> Result<u64, PresetError> {
        self.number(key, "a number").map(u64::from_le_bytes)
    }

    /// A text; none where it is too long to be kept.
    pub(super) fn text(&mut self, key: &str) -> Result<Result<String, u64>, PresetError> {
        let length = self.u64(key)?;
        self.claim(length, key, "a text")?;
        if length > LONGEST_TEXT {
            self.skip(length, key)?;
            return Ok(Err(length));
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most the longest text")]
        let mut bytes = vec![0; length as usize];
        self.bytes.read_exact(&mut bytes).map_err(|error| self.error(key, &error.to_string()))?;
        self.at += length;
        Ok(Ok(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The name of a key or a tensor.
    pub(super) fn name(&mut self, what: &str) -> Result<String, PresetError> {
        let start = self.at;
        let name = self.text("")?.map_err(|length| {
            self.error_at(start, "", &format!("{what} of {length} bytes; a name has at most {LONGEST_TEXT}"))
        })?;
        if name.is_empty() {
            return Err(self.error_at(start, "", &format!("{what} without a name")));
        }
        Ok(name)
    }

    /// Passes over so many bytes.
    pub(super) fn skip(&mut self, bytes: u64, key: &str) -> Result<(), PresetError> {
        self.claim(bytes, key, "a value")?;
        let mut left = bytes;
        while left > 0 {
            let here = match self.bytes.fill_buf() {
                Ok(here) => here.len(),
                Err(error) => return Err(self.error(key, &error.to_string())),
            };
            if here == 0 {
                return Err(self.error(key, "the file ends inside a value"));
            }
            let passed = left.min(here as u64);
            #[expect(clippy::cast_possible_truncation, reason = "at most what is in the buffer")]
            self.bytes.consume(passed as usize);
            (left, self.at) = (left - passed, self.at + passed);
        }
        Ok(())
    }
}
