//! What of the upstream's URL is nobody else's business, and how texts are rid of it.
//!
//! Errors are rid of every part of the URL. Results are what was asked for: there a host is data, and only a key that
//! no data holds by chance is looked for.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use memchr::memchr;
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Url;

/// What a part of the URL is replaced by.
const WITHHELD: &str = "(withheld)";

/// A key or a password that is shorter is none.
const KEY_CHARS_MIN: usize = 3;

/// Shorter keys are looked for as words of their own: a letter or three stand in every other word.
const ANYWHERE_CHARS_MIN: usize = 8;

/// Words of letters alone (`mainnet-beta`, `commitment`) are keys only from here on, wherever they stand; and keys that
/// are shorter may stand in a result by chance.
const LONG_CHARS_MIN: usize = 16;

/// What names of parameters hold whose value is a key.
const NAMES_OF_KEYS: [&str; 8] = ["key", "token", "secret", "auth", "pass", "pwd", "cred", "jwt"];

/// The parts of a URL that stand in nothing that others read.
pub(super) struct Secrets {
    parts: Vec<Part>,
    /// Long keys, for results.
    keys: Arc<[Finder<'static>]>,
}

/// A part of the URL.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    /// In lower case: letter case hides nothing.
    text: String,
    /// Whether it counts only where no letter or digit of it goes on in one before or behind it.
    alone: bool,
}

/// A result holds a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeyFound;

/// Looks for keys in a result that comes in pieces, and holds back what may be the beginning of one.
#[derive(Debug)]
pub(super) struct Watch {
    keys: Arc<[Finder<'static>]>,
    held: Bytes,
}

/// Collects the parts of a URL.
#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    keys: Vec<String>,
}

impl Secrets {
    /// Those of a URL: host and port, user and password, the path and the query, and the words in both that may be
    /// keys.
    pub(super) fn of(url: &Url) -> Self {
        let mut parts = Parts::default();
        parts.add_host(url);
        parts.add_user(url);
        parts.add_path(url.path().trim_matches('/'));
        parts.add_query(url.query().unwrap_or(""));
        let Parts { parts, keys } = parts;
        Self { parts, keys: keys.iter().map(|key| Finder::new(key).into_owned()).collect() }
    }

    /// The text without any part of the URL.
    pub(super) fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found = self.find(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable_by_key(|range| range.start);
        let (mut clean, mut at) = (String::new(), 0);
        for Range { start, end } in found {
            if start >= at {
                clean.push_str(&text[at..start]);
                clean.push_str(WITHHELD);
            }
            at = at.max(end);
        }
        clean.push_str(&text[at..]);
        Cow::Owned(clean)
    }

    /// As [`Secrets::hide`], for the text of a JSON value: its strings are rid of the URL, and the rest is kept to the
    /// letter. None if a key stands outside of strings, as a number.
    pub(super) fn hide_in_json<'t>(&self, json: &'t str) -> Option<Cow<'t, str>> {
        let (mut clean, mut copied, mut at) = (String::new(), 0, 0);
        while let Some(quote) = memchr(b'"', &json.as_bytes()[at..]) {
            let start = at + quote;
            at = end_of_string(json.as_bytes(), start);
            // A string that is no text, with half a surrogate, is not looked through: then nobody reads it.
            let text: Option<String> = serde_json::from_str(&json[start..at]).ok();
            let shown = text.as_deref().map_or(Cow::Owned(WITHHELD.to_owned()), |text| self.hide(text));
            if let Cow::Owned(shown) = shown {
                clean.push_str(&json[copied..start]);
                clean.push_str(&serde_json::Value::from(shown).to_string());
                copied = at;
            }
        }
        let clean = if copied == 0 {
            Cow::Borrowed(json)
        } else {
            clean.push_str(&json[copied..]);
            Cow::Owned(clean)
        };
        self.find(&clean).is_empty().then_some(clean)
    }

    /// A look through a result.
    pub(super) fn watch(&self) -> Watch {
        Watch { keys: Arc::clone(&self.keys), held: Bytes::new() }
    }

    /// Where the parts stand in a text.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let lower = text.to_ascii_lowercase();
        let goes_on = |at: usize| {
            let pair = at.checked_sub(1).and_then(|before| lower.as_bytes().get(before..=at));
            pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_alphanumeric))
        };
        let matches = |part: &'_ Part| {
            let found = lower.match_indices(&part.text).map(|(start, text)| start..start + text.len());
            let stands_alone = |range: &Range<usize>| !goes_on(range.start) && !goes_on(range.end);
            found.filter(|range| !part.alone || stands_alone(range)).collect::<Vec<_>>()
        };
        self.parts.iter().flat_map(matches).collect()
    }
}

impl Watch {
    /// What may be sent on, now that this piece is here too.
    pub(super) fn pass(&mut self, piece: Bytes) -> Result<Bytes, KeyFound> {
        if self.keys.is_empty() {
            return Ok(piece);
        }
        let mut text = if self.held.is_empty() {
            piece
        } else {
            let mut joined = BytesMut::with_capacity(self.held.len() + piece.len());
            joined.extend_from_slice(&self.held);
            joined.extend_from_slice(&piece);
            joined.freeze()
        };
        if self.keys.iter().any(|key| key.find(&text).is_some()) {
            return Err(KeyFound);
        }
        let longest = self.keys.iter().map(|key| key.needle().len()).max().unwrap_or(1);
        self.held = text.split_off(text.len().saturating_sub(longest - 1));
        Ok(text)
    }

    /// What was held back, behind the last piece.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held)
    }
}

impl Parts {
    /// A name with a dot, or an address, is hidden wherever it stands. A single word (`node`, `localhost`) stands in
    /// texts that do not speak of it: it is hidden where it stands as an address does.
    fn add_host(&mut self, url: &Url) {
        let host = url.host_str().unwrap_or("").trim_end_matches('.');
        let bare = host.trim_matches(['[', ']']);
        if bare.contains(['.', ':']) {
            self.add(bare, false);
            // Some providers' keys are the name of a host.
            for label in bare.split('.').filter(|label| label.len() >= ANYWHERE_CHARS_MIN) {
                if looks_like_a_key(label) {
                    self.add(label, true);
                }
            }
        } else if bare.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            for sign in ["//", "@"] {
                self.add(&format!("{sign}{bare}"), true);
            }
        } else {
            self.add(bare, true);
        }
        if let Some(port) = url.port_or_known_default() {
            self.add(&format!("{host}:{port}"), true);
        }
    }

    fn add_user(&mut self, url: &Url) {
        let (user, password) = (url.username(), url.password());
        for word in [user, password.unwrap_or("")] {
            self.add_key(word);
        }
        if !user.is_empty() || password.is_some() {
            // As the header has it.
            let plain = |word| percent_decode_str(word).collect::<Vec<u8>>();
            let pair = [plain(user), b":".to_vec(), plain(password.unwrap_or(""))].concat();
            self.add_key(&STANDARD.encode(pair));
        }
    }

    fn add_path(&mut self, path: &str) {
        self.add_phrase("/", path);
        for word in path.split('/').filter(|word| looks_like_a_key(word)) {
            self.add_key(word);
        }
    }

    fn add_query(&mut self, query: &str) {
        self.add_phrase("?", query);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            let name = name.to_ascii_lowercase();
            if NAMES_OF_KEYS.iter().any(|of_a_key| name.contains(of_a_key)) || looks_like_a_key(value) {
                self.add_key(value);
            }
        }
    }

    /// A path or a query as a whole.
    fn add_phrase(&mut self, sign: &str, phrase: &str) {
        if !phrase.is_empty() {
            for form in forms(phrase) {
                self.add(&format!("{sign}{form}"), true);
            }
        }
    }

    fn add_key(&mut self, word: &str) {
        for form in forms(word).into_iter().filter(|form| form.len() >= KEY_CHARS_MIN) {
            self.add(&form, form.len() < ANYWHERE_CHARS_MIN);
            let is_long = form.len() >= LONG_CHARS_MIN && form.bytes().any(|byte| byte.is_ascii_digit());
            if is_long && !self.keys.contains(&form) {
                self.keys.push(form);
            }
        }
    }

    fn add(&mut self, text: &str, alone: bool) {
        let part = Part { text: text.to_ascii_lowercase(), alone };
        if !part.text.is_empty() && !self.parts.contains(&part) {
            self.parts.push(part);
        }
    }
}

/// A part as it stands in the URL, as it is meant, and as others would write it in a URL.
fn forms(word: &str) -> [String; 3] {
    let plain = percent_decode_str(word).decode_utf8_lossy().into_owned();
    let encoded = utf8_percent_encode(&plain, NON_ALPHANUMERIC).to_string();
    [word.to_owned(), plain, encoded]
}

/// Whether a word of a path or a query is none that people speak of: long, or of letters and digits, and no version.
fn looks_like_a_key(word: &str) -> bool {
    let plain = percent_decode_str(word).decode_utf8_lossy();
    let is_version =
        plain.strip_prefix(['v', 'V']).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let has = |class: fn(&u8) -> bool| plain.as_bytes().iter().any(class);
    plain.len() >= LONG_CHARS_MIN
        || plain.len() >= KEY_CHARS_MIN
            && has(u8::is_ascii_digit)
            && has(u8::is_ascii_alphabetic)
            && !is_version
}

/// The place behind the string that begins with the quote at `start`.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn secrets(url: &str) -> Secrets {
        Secrets::of(&url.parse().unwrap())
    }

    #[test]
    fn keys_are_hidden_wherever_a_url_has_them() {
        for (url, key) in [
            ("https://rpc.test/?api-key=0123456789abcdef", "0123456789abcdef"),
            ("https://rpc.test/v2/0123456789abcdef", "0123456789abcdef"),
            ("https://rpc.test/0123456789abcdef/?commitment=confirmed", "0123456789abcdef"),
            ("https://0123456789abcdef@rpc.test/", "0123456789abcdef"),
            ("https://user:0123456789abcdef@rpc.test/", "0123456789abcdef"),
            ("https://rpc.test/?0123456789abcdef", "0123456789abcdef"),
            ("https://rpc.test/?k=0123456789%61bcdef", "0123456789abcdef"),
            ("https://rpc.test/?k=0123456789%61bcdef", "0123456789%61bcdef"),
            ("https://rpc.test/?k=0123456789abcdef", "0123456789ABCDEF"),
            ("https://rpc.test/?api-key=dev", "dev"),
            ("https://rpc.test/?Access_Token=letmein", "letmein"),
            ("https://rpc.test/?x-token=a%2Fb%2B", "a/b+"),
            ("https://rpc.test/?x-token=a/b+c", "a%2Fb%2Bc"),
            ("https://rpc.test/v2/ab12", "ab12"),
            ("https://rpc.test/v2/private", "/v2/private"),
            ("https://u5:pa55@rpc.test/", "pa55"),
            ("https://joe:doe@rpc.test/", "joe"),
            ("https://joe:doe@rpc.test/", "am9lOmRvZQ=="),
            ("https://wild-sun-77.rpc.test/", "wild-sun-77"),
            ("https://rpc.test/a?b=c", "?b=c"),
        ] {
            for text in [key.to_owned(), format!("key {key} is unknown"), format!("\"{key}\"")] {
                let shown = secrets(url).hide(&text).into_owned();
                assert_eq!(shown, text.replace(key, WITHHELD), "{url}");
            }
        }
    }

    #[test]
    fn hosts_are_hidden_as_what_they_are() {
        for (url, text, shown) in [
            ("https://rpc.test/", "http://RPC.test:443/x", "http://(withheld)/x"),
            ("http://rpc.test:8899/", "no rpc.test, nor rpc.test:8899", "no (withheld), nor (withheld)"),
            ("http://10.0.0.7:8899/", "connect 10.0.0.7:8899: refused", "connect (withheld): refused"),
            ("http://[fd00::7]:8899/", "[fd00::7]:8899 fd00::7", "(withheld) (withheld)"),
            ("http://node:8899/", "Node is behind: node:8899", "Node is behind: (withheld)"),
            (
                "http://node:8899/",
                "the node of http://node/ and u@node",
                "the node of http:(withheld)/ and u(withheld)",
            ),
            ("http://node-7:8899/", "node-7 is away, node-70 is not", "(withheld) is away, node-70 is not"),
        ] {
            assert_eq!(secrets(url).hide(text), shown, "{url}");
        }
    }

    #[test]
    fn other_texts_are_kept() {
        let all = secrets(
            "https://joe:0123456789abcdef@rpc.test:8899/v2/mainnet/0123456789abcdef?commitment=confirmed",
        );
        for text in [
            "Blockhash not found",
            "Transaction simulation failed: Error processing Instruction 0: custom program error: 0x1",
            "v2 of mainnet, confirmed; joey, 8899, 443",
            "",
        ] {
            assert!(matches!(all.hide(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn json_keeps_its_text_but_for_what_is_hidden() {
        let secrets = secrets("https://rpc.test/?api-key=ab/cd1234");
        let kept =
            r#"{ "code":-32002, "message":"m\u0041\"", "data":{"a":[1.50,12345678901234567890,null]} }"#;
        assert!(matches!(secrets.hide_in_json(kept), Some(Cow::Borrowed(same)) if same == kept));
        let told = r#"{ "code":1.0, "message":"at rpc\u002etest:443", "data":{"ab\/cd1234":"\"ab/cd1234\"","b":"\ud800"}, "x" : [ ] }"#;
        let shown = r#"{ "code":1.0, "message":"at (withheld)", "data":{"(withheld)":"\"(withheld)\"","b":"(withheld)"}, "x" : [ ] }"#;
        assert_eq!(secrets.hide_in_json(told).unwrap(), shown);
        let number = Secrets::of(&"https://rpc.test/?key=123456".parse().unwrap());
        assert_eq!(number.hide_in_json(r#"{"data":123456}"#), None);
        assert_eq!(number.hide_in_json(r#"{"data":1234567}"#).unwrap(), r#"{"data":1234567}"#);
    }

    #[test]
    fn a_result_is_looked_through_however_it_is_cut() {
        const KEY: &str = "0123456789abcdef";
        let secrets =
            secrets(&format!("http://user:letmein@rpc.test/some-long-word-of-a-path/?api-key={KEY}"));
        let clean = "rpc.test user letmein some-long-word-of-a-path 0123456789abcde 0123456789ABCDEF";
        let holds = format!("x{KEY}x");
        for first in 0..=clean.len() {
            let mut watch = secrets.watch();
            let mut passed = Vec::new();
            for piece in [&clean[..first], &clean[first..]] {
                passed.extend(watch.pass(Bytes::copy_from_slice(piece.as_bytes())).unwrap());
            }
            passed.extend(watch.rest());
            assert_eq!(passed, clean.as_bytes(), "cut at {first}");
        }
        for first in 0..=holds.len() {
            for second in first..=holds.len() {
                let mut watch = secrets.watch();
                let mut passed = Vec::new();
                let pieces = [&holds[..first], &holds[first..second], &holds[second..]];
                let found = pieces.into_iter().try_for_each(|piece| {
                    passed.extend(watch.pass(Bytes::copy_from_slice(piece.as_bytes()))?);
                    Ok(())
                });
                assert_eq!(found, Err(KeyFound), "cut at {first} and {second}");
                assert!(passed.len() <= 1, "no part of it was sent on");
            }
        }
    }
}
