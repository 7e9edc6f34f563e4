//! Finding the end of a JSON value by its strings and brackets alone, without parsing it.
//!
//! A value may be broken: it is for the parser to say so. What is looked after here is that a broken value does not
//! take its neighbours with it, as far as that can be told.

use super::ReadError;
use super::window::Window;

/// How many brackets are remembered by kind; no JSON parser in use accepts as many.
const KINDS: usize = 512;

/// How the scan of a value ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// Behind the value.
    Whole,
    /// A line ended within the value although its container began on that line, and the next line starts an object:
    /// a file of one value a line, one of which was cut. The next byte starts a new value at the top.
    CutValue,
    /// A line ended within a string, which JSON forbids, and the next one starts an object: an element that was cut.
    /// The next byte starts the next element.
    CutElement,
}

/// The brackets open within the value.
#[derive(Default)]
struct Open {
    kinds: Vec<u8>,
    deeper: u64,
}

impl Open {
    fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    fn push(&mut self, opener: u8) {
        if self.kinds.len() < KINDS {
            self.kinds.push(opener);
        } else {
            self.deeper += 1;
        }
    }

    /// False when nothing that is open within the value is closed by this. A bracket left open inside is closed too.
    fn close(&mut self, opener: u8) -> bool {
        if self.deeper > 0 {
            self.deeper -= 1;
            return true;
        }
        let matching = self.kinds.iter().rposition(|kind| *kind == opener);
        if let Some(at) = matching {
            self.kinds.truncate(at);
        }
        matching.is_some()
    }
}

/// Takes one value: an object, an array, a string, or whatever stands up to the next comma, bracket or blank. The next
/// byte is its first one. `container_line` is the line its container began on.
pub(super) fn scan_value(window: &mut Window, container_line: u64) -> Result<Scan, ReadError> {
    match peek(window)? {
        Some(opener @ (b'{' | b'[')) => {
            window.take(1);
            scan_open(window, opener, container_line)
        }
        Some(b'"') => {
            window.take(1);
            Ok(scan_string(window, container_line)?.unwrap_or(Scan::Whole))
        }
        _ => scan_scalar(window),
    }
}

/// Takes the rest of an object or array whose opening bracket was taken already.
pub(super) fn scan_open(window: &mut Window, opener: u8, container_line: u64) -> Result<Scan, ReadError> {
    let mut open = Open::default();
    open.push(opener);
    loop {
        let unread = ahead(window)?;
        let Some(at) =
            unread.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b'\n'))
        else {
            let all = unread.len();
            window.take(all);
            continue;
        };
        let byte = unread[at];
        window.take(at + 1);
        match byte {
            b'"' => {
                if let Some(cut) = scan_string(window, container_line)? {
                    return Ok(cut);
                }
            }
            b'\n' => {
                if starts_value(window, container_line)? {
                    return Ok(Scan::CutValue);
                }
            }
            b'{' | b'[' => open.push(byte),
            closer => {
                if !open.close(if closer == b'}' { b'{' } else { b'[' }) {
                    let reason = "a closing bracket without its opening one";
                    return Err(ReadError::Malformed { line: window.line(), reason });
                }
                if open.is_empty() {
                    return Ok(Scan::Whole);
                }
            }
        }
    }
}

/// Takes a string up to and with its closing quote, the opening one being taken; says where it was cut instead.
fn scan_string(window: &mut Window, container_line: u64) -> Result<Option<Scan>, ReadError> {
    loop {
        let unread = ahead(window)?;
        let Some(at) = memchr::memchr3(b'"', b'\\', b'\n', unread) else {
            let all = unread.len();
            window.take(all);
            continue;
        };
        let byte = unread[at];
        window.take(at + 1);
        match byte {
            b'"' => return Ok(None),
            b'\n' => {
                if let Some(cut) = string_cut(window, container_line)? {
                    return Ok(Some(cut));
                }
            }
            _ => {
                // A line feed is no escape: it is looked at on the next turn.
                if ahead(window)?[0] != b'\n' {
                    window.take(1);
                }
            }
        }
    }
}

/// What a string's line feed, just taken, means.
fn string_cut(window: &mut Window, container_line: u64) -> Result<Option<Scan>, ReadError> {
    if starts_value(window, container_line)? {
        return Ok(Some(Scan::CutValue));
    }
    if container_line + 1 == window.line() {
        return Ok(None);
    }
    while matches!(peek(window)?, Some(b' ' | b'\t')) {
        window.take(1);
    }
    Ok((peek(window)? == Some(b'{')).then_some(Scan::CutElement))
}

/// Takes a key, its opening quote being the next byte. Only the first bytes are kept: no name looked for is as long.
pub(super) fn scan_key(window: &mut Window, container_line: u64) -> Result<Result<Key, Scan>, ReadError> {
    let mut key = Key::default();
    window.take(1);
    loop {
        let byte = ahead(window)?[0];
        window.take(1);
        match byte {
            b'"' => return Ok(Ok(key)),
            b'\n' => {
                if let Some(cut) = string_cut(window, container_line)? {
                    return Ok(Err(cut));
                }
            }
            b'\\' => {
                key.push(byte);
                if ahead(window)?[0] != b'\n' {
                    window.take(1);
                }
            }
            _ => key.push(byte),
        }
    }
}

/// The start of an object's key, or of a number.
#[derive(Clone, Copy, Default)]
pub(super) struct Key {
    bytes: [u8; 32],
    length: usize,
}

impl Key {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(self.length) {
            *free = byte;
            self.length += 1;
        }
    }
}

/// Takes a scalar and says how it starts.
pub(super) fn scan_word(window: &mut Window) -> Result<Key, ReadError> {
    let mut word = Key::default();
    while let Some(byte) = peek(window)?.filter(|byte| !ends_scalar(*byte)) {
        word.push(byte);
        window.take(1);
    }
    Ok(word)
}

fn scan_scalar(window: &mut Window) -> Result<Scan, ReadError> {
    loop {
        let unread = ahead(window)?;
        let end = unread.iter().position(|byte| ends_scalar(*byte));
        let count = end.unwrap_or(unread.len());
        window.take(count);
        if end.is_some() {
            return Ok(Scan::Whole);
        }
    }
}

fn ends_scalar(byte: u8) -> bool {
    matches!(byte, b',' | b']' | b'}' | b'{' | b'[' | b'"') || byte.is_ascii_whitespace()
}

/// Whether the line just begun starts with an object and the one before it is the container's.
fn starts_value(window: &mut Window, container_line: u64) -> Result<bool, ReadError> {
    Ok(container_line + 1 == window.line() && peek(window)? == Some(b'{'))
}

fn peek(window: &mut Window) -> Result<Option<u8>, ReadError> {
    let line = window.line();
    window.peek().map_err(|error| ReadError::reading(error, line))
}

/// At least one byte: the input may not end here.
fn ahead(window: &mut Window) -> Result<&[u8], ReadError> {
    let line = window.line();
    match window.ahead() {
        Ok([]) => Err(ReadError::Truncated { line }),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(ReadError::reading(error, line)),
    }
}
