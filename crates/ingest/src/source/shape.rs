//! Telling the shapes of DAS JSON apart by how they begin. Pure.

/// How an input is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A value a line; a broken line does not touch the next one.
    Lines,
    /// A stream of values of any layout: arrays, responses, assets.
    Values,
}

/// What the first object of an input gives away, seen byte by byte.
struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// One of the keys of a response stands in the outermost object.
    response: bool,
}

/// How far the first object was followed.
enum Walked {
    /// Behind its closing bracket.
    Closed,
    /// At the first line feed within it.
    LineFeed,
    /// To the end of the text.
    Cut,
}

/// The shape of an input that begins with `head` (its byte order mark taken off), where that can be told already;
/// `last` says that no more can be had, and then there is always an answer.
pub(super) fn detect(head: &[u8], last: bool) -> Option<Shape> {
    let text = head.trim_ascii_start();
    match text.first() {
        None => last.then_some(Shape::Lines),
        Some(b'[') => Some(Shape::Values),
        Some(b'{') => object(text, last),
        Some(_) => Some(Shape::Lines),
    }
}

/// Whether a whole line holds assets rather than being one.
pub(super) fn holds_assets(line: &[u8]) -> bool {
    let names = [&b"\"result\""[..], b"\"items\"", b"\"jsonrpc\""];
    let text = line.trim_ascii_start();
    match text.first() {
        Some(b'[') => true,
        Some(b'{') if names.iter().any(|name| memchr::memmem::find(text, name).is_some()) => {
            let mut walk = Walk { text, at: 0, response: false };
            walk.object();
            walk.response
        }
        _ => false,
    }
}

fn object(text: &[u8], last: bool) -> Option<Shape> {
    let mut walk = Walk { text, at: 0, response: false };
    match walk.object() {
        // Laid out over several lines, unless the first line of many is merely cut.
        Walked::LineFeed => match text.get(walk.at + 1) {
            Some(b'{') => Some(Shape::Lines),
            Some(_) => Some(Shape::Values),
            None => last.then_some(Shape::Lines),
        },
        Walked::Closed if !walk.response => Some(Shape::Lines),
        // A response and then something: a response a line.
        Walked::Closed => {
            let rest = text[walk.at..].trim_ascii_start();
            if rest.is_empty() { last.then_some(Shape::Values) } else { Some(Shape::Lines) }
        }
        Walked::Cut => last.then_some(if walk.response { Shape::Values } else { Shape::Lines }),
    }
}

impl Walk<'_> {
    fn object(&mut self) -> Walked {
        let mut depth = 0_u32;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'\n' => return Walked::LineFeed,
                b'"' => {
                    let start = self.at + 1;
                    if !self.string() {
                        return if self.at < self.text.len() { Walked::LineFeed } else { Walked::Cut };
                    }
                    if depth == 1 && self.is_key() {
                        let name = &self.text[start..self.at];
                        self.response |= matches!(name, b"result" | b"items" | b"jsonrpc");
                    }
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Walked::Closed;
            }
        }
        Walked::Cut
    }

    /// Goes to the closing quote; false when the line or the text ends before it.
    fn string(&mut self) -> bool {
        self.at += 1;
        while let Some(at) = memchr::memchr3(b'"', b'\\', b'\n', self.text.get(self.at..).unwrap_or_default())
        {
            self.at += at;
            match self.text[self.at] {
                b'"' => return true,
                b'\n' => return false,
                _ => self.at += 2,
            }
        }
        self.at = self.text.len();
        false
    }

    /// Whether a colon follows the string that ends here.
    fn is_key(&self) -> bool {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        rest.trim_ascii_start().first() == Some(&b':')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[(&str, Shape)] = &[
        ("", Shape::Lines),
        (" \r\n \n", Shape::Lines),
        ("{\"id\":\"a\"}", Shape::Lines),
        ("\n\n {\"id\":\"a\"}\n{\"id\":\"b\"}\n", Shape::Lines),
        ("no json\n{\"id\":\"b\"}\n", Shape::Lines),
        ("{\"id\":\"a\",\"cont\n{\"id\":\"b\"}\n", Shape::Lines),
        ("{\"id\":\"a\",\n{\"id\":\"b\"}\n", Shape::Lines),
        ("[]", Shape::Values),
        (" [ {\"id\":\"a\"} ]", Shape::Values),
        ("{\n  \"id\": \"a\"\n}", Shape::Values),
        ("{\"total\":1,\"items\":[{\"id\":\"a\"}]}", Shape::Values),
        ("{\"id\":1,\"result\":{}}", Shape::Values),
        ("{\"jsonrpc\" : \"2.0\",\"error\":{}}\n", Shape::Values),
        ("{\"jsonrpc\":\"2.0\",\"result\":{\"items\":[{\"id\":\"a\"}", Shape::Values),
        ("{\"jsonrpc\":\"2.0\",\"result\":{}}\n{\"jsonrpc\":\"2.0\",\"result\":{}}\n", Shape::Lines),
        // The keys of a response count only as keys, and only in the outermost object.
        ("{\"id\":\"result\",\"content\":{\"items\":[]}}", Shape::Lines),
        ("{\"id\":\"a\",\"tags\":[\"items\",\"jsonrpc\"]}", Shape::Lines),
        ("{\"id\":\"\\\",\\\"items\\\":[]\"}", Shape::Lines),
    ];

    #[test]
    fn the_shape_is_told_by_the_beginning() {
        for (head, shape) in TABLE {
            assert_eq!(detect(head.as_bytes(), true), Some(*shape), "{head}");
        }
    }

    #[test]
    fn more_of_an_input_never_changes_an_early_answer() {
        for (head, shape) in TABLE {
            for end in 0..=head.len() {
                let early = detect(&head.as_bytes()[..end], false);
                assert!(early.is_none_or(|early| early == *shape), "{head:?} cut at {end}: {early:?}");
            }
        }
    }

    #[test]
    fn a_line_that_holds_assets_is_known() {
        let cases = [
            ("{\"id\":\"a\"}", false),
            ("{\"id\":\"a\",\"content\":{\"items\":[]}}", false),
            ("{\"result\":{\"items\":[]}}", true),
            ("{\"total\":0,\"items\":[]}", true),
            (" [{\"id\":\"a\"}]", true),
            ("null", false),
        ];
        for (line, holds) in cases {
            assert_eq!(holds_assets(line.as_bytes()), holds, "{line}");
        }
    }
}
