//! Where the result lies in an answer that comes in pieces. Nothing of it is kept, and nothing within the result is
//! taken apart: strings are skipped, brackets are counted.

use std::ops::Range;

use memchr::memchr2;

/// No name of a member that matters is longer.
const NAME_BYTES_MAX: usize = 8;

/// Reads `{"jsonrpc":"2.0","result":…,"id":…}` piece by piece.
#[derive(Debug)]
pub(super) struct ResultScan {
    place: Place,
    /// Brackets that are open.
    depth: usize,
    /// The beginning of the name of the member that is read.
    name: Vec<u8>,
    result: Progress,
}

/// The pieces so far are no JSON-RPC answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON-RPC answer")]
pub(super) struct NoAnswer;

/// What the next byte is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the object.
    Start,
    /// Before a member's name.
    Member,
    /// A member's name.
    Name,
    /// A character of a name that a backslash stands before.
    NameEscape,
    /// Before the colon.
    Colon,
    /// A member's value, outside of strings.
    Value,
    /// A string in a value.
    Text,
    /// A character of such a string that a backslash stands before.
    TextEscape,
    /// Behind the object.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Ahead,
    Here,
    Past,
}

impl ResultScan {
    /// Before the first piece.
    pub(super) fn new() -> Self {
        Self { place: Place::Start, depth: 0, name: Vec::new(), result: Progress::Ahead }
    }

    /// Whether the result has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.result != Progress::Ahead
    }

    /// Whether the answer is whole, and had a result.
    pub(super) fn is_whole(&self) -> bool {
        self.place == Place::End && self.result == Progress::Past
    }

    /// Reads the next piece: which part of it belongs to the result.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<Range<usize>, NoAnswer> {
        let mut found = 0..0;
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if self.place == Place::Text {
                at += match memchr2(b'"', b'\\', &piece[at..]) {
                    Some(length) => {
                        let quote = piece[at + length] == b'"';
                        self.place = if quote { Place::Value } else { Place::TextEscape };
                        length + 1
                    }
                    None => piece.len() - at,
                };
                continue;
            }
            let before = self.result;
            self.step(byte)?;
            match (before, self.result) {
                // The byte was the colon before the result ...
                (Progress::Ahead, Progress::Here) => found.start = at + 1,
                // ... or the comma or brace behind it.
                (Progress::Here, Progress::Past) => found.end = at,
                _ => {}
            }
            at += 1;
        }
        if self.result == Progress::Here {
            found.end = piece.len();
        }
        Ok(found)
    }

    fn step(&mut self, byte: u8) -> Result<(), NoAnswer> {
        let space = byte.is_ascii_whitespace();
        match (self.place, byte) {
            (Place::Start | Place::Member | Place::Colon | Place::End, _) if space => {}
            (Place::Start, b'{') => (self.place, self.depth) = (Place::Member, 1),
            (Place::Member, b'"') => {
                self.name.clear();
                self.place = Place::Name;
            }
            (Place::Name, b'"') => self.place = Place::Colon,
            (Place::Name, b'\\') => self.place = Place::NameEscape,
            (Place::Name | Place::NameEscape, _) => {
                if self.name.len() <= NAME_BYTES_MAX {
                    self.name.push(if self.place == Place::Name { byte } else { b'\\' });
                }
                self.place = Place::Name;
            }
            (Place::Colon, b':') => {
                self.place = Place::Value;
                if self.name == b"result" {
                    if self.result != Progress::Ahead {
                        return Err(NoAnswer);
                    }
                    self.result = Progress::Here;
                }
            }
            (Place::Value, b'"') | (Place::TextEscape, _) => self.place = Place::Text,
            (Place::Value, b'{' | b'[') => self.depth += 1,
            (Place::Value, b',') if self.depth == 1 => self.end_member(Place::Member),
            (Place::Value, b'}') if self.depth == 1 => self.end_member(Place::End),
            (Place::Value, b'}' | b']') if self.depth > 1 => self.depth -= 1,
            (Place::Value, b']') => return Err(NoAnswer),
            (Place::Value, _) => {}
            _ => return Err(NoAnswer),
        }
        Ok(())
    }

    fn end_member(&mut self, next: Place) {
        if self.result == Progress::Here {
            self.result = Progress::Past;
        }
        self.place = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What belongs to the result of an answer in these pieces, and whether it is whole.
    fn read(pieces: &[&[u8]]) -> Result<(String, bool), NoAnswer> {
        let mut scan = ResultScan::new();
        let mut result = Vec::new();
        for piece in pieces {
            let part = scan.feed(piece)?;
            result.extend_from_slice(&piece[part]);
        }
        Ok((String::from_utf8_lossy(&result).into_owned(), scan.is_whole()))
    }

    #[test]
    fn the_result_is_found_wherever_an_answer_is_cut() {
        for (answer, expected) in [
            (r#"{"jsonrpc":"2.0","result":{"a":[1,{"b":"}]"}]},"id":1}"#, r#"{"a":[1,{"b":"}]"}]}"#),
            (r#" { "id" : 1 , "result" : "a\"},\\" , "x" : {"result":2} } "#, r#" "a\"},\\" "#),
            (r#"{"result":-1.5e3}"#, "-1.5e3"),
            (r#"{"result":null,"id":"result"}"#, "null"),
            (r#"{"\"result":1,"results":2,"resul":3,"result\\":4,"result":[[],{}]}"#, "[[],{}]"),
            (r#"{"error":{"result":1},"result":true}"#, "true"),
        ] {
            let bytes = answer.as_bytes();
            let expected = Ok((expected.to_owned(), true));
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    assert_eq!(read(&pieces), expected, "{answer} cut at {first} and {second}");
                }
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read(&single), expected, "{answer}");
        }
    }

    #[test]
    fn an_answer_that_ends_early_is_not_whole() {
        let answer = br#"{"jsonrpc":"2.0","result":{"a":"b"},"id":1}"#;
        for length in 0..answer.len() {
            assert_eq!(read(&[&answer[..length]]).map(|(_, whole)| whole), Ok(false), "{length}");
        }
        assert_eq!(read(&[br#"{"id":1}"#]), Ok((String::new(), false)), "without a result");
    }

    #[test]
    fn what_is_no_answer() {
        for answer in [
            "[1]",
            "\"text\"",
            "<html>",
            "{result:1}",
            r#"{"result" 1}"#,
            r#"{"result":1]"#,
            r#"{"result":1}}"#,
            r#"{"result":1,"result":2}"#,
            r#"{"result":1}{"result":1}"#,
        ] {
            assert_eq!(read(&[answer.as_bytes()]), Err(NoAnswer), "{answer}");
        }
    }
}
