//! Splits a stream of JSON values of any layout into assets: arrays, saved responses, single assets.
//!
//! Memory does not depend on the length of an array or of a response. A response may state its slot behind its items;
//! a second reader, the scout, then goes ahead of the first to find it.

use std::io;

use vitrine_model::Slot;

use super::file::Stream;
use super::scan::{Key, Scan, scan_key, scan_open, scan_value, scan_word};
use super::window::{Tape, Window};
use super::{BadRecord, Entry, Place, ReadError, Record};

/// Opens the same bytes once more.
pub(super) type Reopen = Box<dyn Fn() -> io::Result<Stream> + Send>;

pub(super) struct Values {
    window: Window,
    max_record_bytes: usize,
    levels: Vec<Level>,
    /// How many values of the top were begun.
    value: u64,
    /// What the current one stated so far.
    slot: Option<Slot>,
    scout: Scout,
}

/// How to look ahead.
pub(super) enum Scout {
    /// This one is the scout: it knows only what it has seen.
    Itself,
    /// From the start of the input.
    Reopen(Reopen),
    /// By keeping the rest of the input in a temporary file.
    Spool,
    /// On its way.
    Ahead(Box<Values>),
}

/// Where the reader stands, from the outside in. At most: response, its result, the items.
#[derive(Clone, Copy)]
enum Level {
    Object(Object),
    List(List),
}

#[derive(Clone, Copy)]
struct Object {
    line: u64,
    /// Not the `result` of another one.
    outer: bool,
    /// It may yet be an asset, and is on the tape.
    whole: bool,
    /// It has the key `jsonrpc`, which no asset has.
    response: bool,
}

#[derive(Clone, Copy)]
struct List {
    line: u64,
    /// Elements begun, nulls included.
    items: u64,
    slot: Option<Slot>,
    /// No element since the bracket or the last comma.
    fresh: bool,
}

enum Step {
    Entry(Entry),
    Moved,
    End,
}

impl Values {
    pub(super) fn new(window: Window, max_record_bytes: usize, scout: Scout) -> Self {
        Self { window, max_record_bytes, levels: Vec::new(), value: 0, slot: None, scout }
    }

    /// The next record; none at the end. After an error there is nothing more.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            match self.step()? {
                Step::Entry(entry) => return Ok(Some(entry)),
                Step::Moved => {}
                Step::End => return Ok(None),
            }
        }
    }

    fn step(&mut self) -> Result<Step, ReadError> {
        match self.levels.last() {
            None => self.top(),
            Some(Level::Object(object)) => self.member(*object),
            Some(Level::List(list)) => self.element(*list),
        }
    }

    fn top(&mut self) -> Result<Step, ReadError> {
        let Some(byte) = self.skip_blank()? else { return Ok(Step::End) };
        let line = self.window.line();
        self.value += 1;
        self.slot = None;
        match byte {
            b'[' => {
                self.window.take(1);
                self.levels.push(Level::List(List { line, items: 0, slot: None, fresh: true }));
            }
            b'{' => self.enter_object(line, true),
            _ => {
                self.window.start_tape(self.max_record_bytes);
                self.window.take_line().map_err(|error| ReadError::reading(error, line))?;
                let raw = self.window.end_tape().trimmed();
                return Ok(bad(Place { line, item: None }, "expected a JSON object or array".into(), raw));
            }
        }
        Ok(Step::Moved)
    }

    fn enter_object(&mut self, line: u64, outer: bool) {
        self.window.start_tape(self.max_record_bytes);
        self.window.take(1);
        self.levels.push(Level::Object(Object { line, outer, whole: true, response: false }));
    }

    fn member(&mut self, object: Object) -> Result<Step, ReadError> {
        let byte = self.skip_blank_within()?;
        if self.cut_before(byte, object.line) {
            return Ok(self.cut_object(object, Scan::CutValue));
        }
        match byte {
            b'}' => {
                self.window.take(1);
                Ok(self.leave_object(object))
            }
            b',' => {
                self.window.take(1);
                Ok(Step::Moved)
            }
            b'"' => self.pair(object),
            _ => self.broken_member(object),
        }
    }

    fn leave_object(&mut self, object: Object) -> Step {
        self.levels.pop();
        if !object.whole {
            return Step::Moved;
        }
        let tape = self.window.end_tape();
        let place = Place { line: object.line, item: None };
        if object.response {
            let reason = "a response without assets: it has no result, or one that is null";
            return bad(place, reason.into(), tape.trimmed());
        }
        self.record(place, tape, self.slot)
    }

    /// One key and its value, or the way into the value where assets may stand in it.
    fn pair(&mut self, object: Object) -> Result<Step, ReadError> {
        let key = match scan_key(&mut self.window, object.line)? {
            Ok(key) => key,
            Err(cut) => return Ok(self.cut_object(object, cut)),
        };
        let mut byte = self.skip_blank_within()?;
        let colon = byte == b':';
        if colon {
            self.window.take(1);
            byte = self.skip_blank_within()?;
        }
        if self.cut_before(byte, object.line) {
            return Ok(self.cut_object(object, Scan::CutValue));
        }
        match (key.as_bytes(), byte) {
            _ if !colon => return self.broken_member(object),
            (_, b',' | b'}' | b']') => return self.broken_member(object),
            (b"last_indexed_slot", b'0'..=b'9') => {
                let slot = stated(&scan_word(&mut self.window)?);
                self.slot = self.slot.or(slot);
            }
            (b"items", b'[') => self.enter_list(true)?,
            (b"result", b'[') if object.outer => self.enter_list(false)?,
            (b"result", b'{') if object.outer => {
                self.no_asset();
                self.enter_object(self.window.line(), false);
            }
            (name, _) => {
                if name == b"jsonrpc"
                    && let Some(Level::Object(object)) = self.levels.last_mut()
                {
                    object.response = true;
                }
                match scan_value(&mut self.window, object.line)? {
                    Scan::Whole => {}
                    cut => return Ok(self.cut_object(object, cut)),
                }
            }
        }
        Ok(Step::Moved)
    }

    fn enter_list(&mut self, stated: bool) -> Result<(), ReadError> {
        self.no_asset();
        let line = self.window.line();
        self.window.take(1);
        self.levels.push(Level::List(List { line, items: 0, slot: None, fresh: true }));
        if stated {
            let slot = self.slot_of_items()?;
            self.set_list(List { line, items: 0, slot, fresh: true });
        }
        Ok(())
    }

    /// The objects around here are responses, and not kept.
    fn no_asset(&mut self) {
        self.window.end_tape();
        for level in &mut self.levels {
            if let Level::Object(object) = level {
                object.whole = false;
            }
        }
    }

    /// An object that is not JSON: one that may be an asset is left to the parser to judge, up to its last bracket.
    fn broken_member(&mut self, object: Object) -> Result<Step, ReadError> {
        if !object.whole {
            let reason = "expected a key and its value";
            return Err(ReadError::Malformed { line: self.window.line(), reason });
        }
        match scan_open(&mut self.window, b'{', object.line)? {
            Scan::Whole => {
                self.levels.pop();
                let tape = self.window.end_tape();
                Ok(self.record(Place { line: object.line, item: None }, tape, self.slot))
            }
            cut => Ok(self.cut_object(object, cut)),
        }
    }

    fn cut_object(&mut self, object: Object, cut: Scan) -> Step {
        let tape = self.window.end_tape();
        let raw = if object.whole { tape.trimmed() } else { Vec::new() };
        self.leave_cut(cut);
        cut_off(Place { line: object.line, item: None }, raw)
    }

    fn element(&mut self, mut list: List) -> Result<Step, ReadError> {
        let byte = self.skip_blank_within()?;
        let line = self.window.line();
        match byte {
            b']' => {
                self.window.take(1);
                self.levels.pop();
                return Ok(Step::Moved);
            }
            b',' => {
                self.window.take(1);
                self.set_list(List { fresh: true, ..list });
                return Ok(Step::Moved);
            }
            b'}' => {
                let reason = "a closing bracket without its opening one";
                return Err(ReadError::Malformed { line, reason });
            }
            // The line of this list ended too early, and another value starts.
            _ if !list.fresh && self.cut_before(byte, list.line) => {
                self.leave_cut(Scan::CutValue);
                return Ok(cut_off(Place { line: list.line, item: None }, Vec::new()));
            }
            _ => {}
        }
        list.items += 1;
        list.fresh = false;
        self.set_list(list);
        let place = Place { line, item: Some(list.items) };
        self.window.start_tape(self.max_record_bytes);
        let scan = scan_value(&mut self.window, list.line)?;
        let tape = self.window.end_tape();
        if scan != Scan::Whole {
            if scan == Scan::CutValue {
                self.leave_cut(scan);
            }
            return Ok(cut_off(place, tape.trimmed()));
        }
        Ok(if tape.bytes == b"null" { Step::Moved } else { self.record(place, tape, list.slot) })
    }

    fn record(&self, place: Place, tape: Tape, stated_slot: Option<Slot>) -> Step {
        if tape.overflowed {
            return bad(place, over(self.max_record_bytes), tape.trimmed());
        }
        Step::Entry(Entry::Record(Record { place, text: tape.trimmed(), stated_slot }))
    }

    fn leave_cut(&mut self, cut: Scan) {
        if cut == Scan::CutValue {
            self.levels.clear();
        } else {
            self.levels.pop();
        }
    }

    fn set_list(&mut self, list: List) {
        if let Some(level) = self.levels.last_mut() {
            *level = Level::List(list);
        }
    }

    /// Whether the line of a container is over and a new value starts with `byte`.
    fn cut_before(&self, byte: u8, container_line: u64) -> bool {
        byte == b'{' && self.window.at_line_start() && container_line + 1 == self.window.line()
    }

    /// The next byte that is not blank, where the input may not end.
    fn skip_blank_within(&mut self) -> Result<u8, ReadError> {
        let byte = self.skip_blank()?;
        byte.ok_or(ReadError::Truncated { line: self.window.line() })
    }

    fn skip_blank(&mut self) -> Result<Option<u8>, ReadError> {
        self.window.skip_blank().map_err(|error| ReadError::reading(error, self.window.line()))
    }

    /// What the response whose items begin here states, before them or behind.
    fn slot_of_items(&mut self) -> Result<Option<Slot>, ReadError> {
        if self.slot.is_some() {
            return Ok(self.slot);
        }
        let mut ahead = match std::mem::replace(&mut self.scout, Scout::Itself) {
            Scout::Itself => return Ok(None),
            Scout::Ahead(ahead) => ahead,
            Scout::Reopen(reopen) => {
                let window = Window::open(reopen().map_err(ReadError::Open)?);
                // It keeps no text.
                Box::new(Self::new(window, 0, Scout::Itself))
            }
            Scout::Spool => {
                let window = self.window.fork().map_err(ReadError::Spool)?;
                let (levels, value) = (self.levels.clone(), self.value);
                Box::new(Self { levels, value, ..Self::new(window, 0, Scout::Itself) })
            }
        };
        let slot = ahead.slot_of(self.value);
        self.scout = Scout::Ahead(ahead);
        Ok(slot)
    }

    /// Goes on until it has seen what value number `value` states, or its end. An unreadable rest states nothing.
    fn slot_of(&mut self, value: u64) -> Option<Slot> {
        loop {
            if self.value > value {
                return None;
            }
            if self.value == value && (self.slot.is_some() || self.levels.is_empty()) {
                return self.slot;
            }
            if !matches!(self.step(), Ok(Step::Entry(_) | Step::Moved)) {
                return None;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.window.held_bytes()
    }
}

/// Says that a record is too long.
pub(super) fn over(max_record_bytes: usize) -> String {
    format!("longer than {max_record_bytes} bytes (import.record_bytes_max)")
}

fn bad(place: Place, reason: String, raw: Vec<u8>) -> Step {
    Step::Entry(Entry::Bad(BadRecord { place, reason, raw }))
}

fn cut_off(place: Place, raw: Vec<u8>) -> Step {
    bad(place, "cut off at the end of a line".into(), raw)
}

/// A slot beyond what can be kept is as if it were not stated.
fn stated(word: &Key) -> Option<Slot> {
    std::str::from_utf8(word.as_bytes()).ok()?.parse().ok().and_then(Slot::new)
}
