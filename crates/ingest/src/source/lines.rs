//! The lines of an input, one after the other.

use super::values::over;
use super::window::Window;
use super::{BadRecord, Entry, Place, ReadError, Record};

/// What may follow a line that is as long as a record may be.
const LINE_END_BYTES: usize = 2;

/// The next line that is not blank; none at the end. Of one that is longer than `max_record_bytes`, so many bytes are kept.
pub(super) fn next(window: &mut Window, max_record_bytes: usize) -> Result<Option<Entry>, ReadError> {
    loop {
        let line = window.line();
        window.start_tape(max_record_bytes + LINE_END_BYTES);
        let more = window.take_line().map_err(|error| ReadError::reading(error, window.line()))?;
        let tape = window.end_tape();
        if !more {
            return Ok(None);
        }
        let place = Place { line, item: None };
        let overflowed = tape.overflowed;
        let mut text = tape.trimmed();
        if overflowed || text.len() > max_record_bytes {
            text.truncate(max_record_bytes);
            return Ok(Some(Entry::Bad(BadRecord { place, reason: over(max_record_bytes), raw: text })));
        }
        if !text.is_empty() {
            return Ok(Some(Entry::Record(Record { place, text, stated_slot: None })));
        }
    }
}
