//! How each kind of member is read from DAS JSON and written back.
//!
//! Reading works on text that [`crate::json`] has already checked and compacted, one level at a time.

use serde_json::value::RawValue;

use crate::asset::Extra;
use crate::field::Field;
use crate::json::Json;
use crate::object::{Object, ObjectError};
use crate::parse::AssetError;
use crate::pubkey::Pubkey;
use crate::render::Output;
use crate::slot::Slot;

/// A value that can be read from checked and compact JSON.
pub(crate) trait FromDas: Sized {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError>;
}

/// A value that can be written as compact JSON.
pub(crate) trait ToDas {
    fn to_das(&self, out: &mut Output);

    /// Whether the member is left out.
    fn left_out(&self) -> bool {
        false
    }
}

/// An object with known members, which keeps the unknown ones.
pub(crate) trait Part: Default {
    /// Takes one member in.
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError>;
}

impl<T: Part> FromDas for T {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        let mut part = T::default();
        for (name, value) in Object::parse(raw.get())?.into_rest() {
            part.set(&name, value).map_err(|error| error.under(&name))?;
        }
        Ok(part)
    }
}

impl FromDas for bool {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        match raw.get() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(wrong("true or false", raw)),
        }
    }
}

impl FromDas for u64 {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        raw.get().parse().map_err(|_| wrong("a whole number from 0 to 18446744073709551615", raw))
    }
}

impl FromDas for Slot {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        let slot = raw.get().parse().ok().and_then(Self::new);
        slot.ok_or_else(|| wrong("a slot, a whole number from 0 to 9223372036854775807", raw))
    }
}

impl FromDas for String {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        let quoted = raw.get();
        let Some(text) = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Err(wrong("text", raw));
        };
        if text.contains('\\') {
            return serde_json::from_str(quoted).map_err(|error| ObjectError::from(error).into());
        }
        Ok(text.to_owned())
    }
}

impl FromDas for Pubkey {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        // The base58 alphabet needs no escapes, so the usual key is read without a copy.
        let plain = raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match plain.map(str::parse) {
            Some(Ok(key)) => Ok(key),
            _ => String::from_das(raw)?.parse().map_err(AssetError::new),
        }
    }
}

/// An address that may be the empty text.
impl FromDas for Option<Pubkey> {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        if raw.get() == "\"\"" { Ok(None) } else { Pubkey::from_das(raw).map(Some) }
    }
}

impl FromDas for Json {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        Ok(Self::checked(raw.get()))
    }
}

impl<T: FromDas> FromDas for Vec<T> {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        if !raw.get().starts_with('[') {
            return Err(wrong("an array", raw));
        }
        let values: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(ObjectError::from)?;
        let read = values.iter().enumerate();
        read.map(|(at, value)| T::from_das(value).map_err(|error| error.at(at))).collect()
    }
}

impl<T: FromDas> FromDas for Field<T> {
    fn from_das(raw: &RawValue) -> Result<Self, AssetError> {
        if raw.get() == "null" { Ok(Self::Null) } else { T::from_das(raw).map(Self::Is) }
    }
}

impl ToDas for bool {
    fn to_das(&self, out: &mut Output) {
        out.body.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl ToDas for u64 {
    fn to_das(&self, out: &mut Output) {
        serde_json::to_writer(&mut out.body, self).expect("a Vec takes every write");
    }
}

impl ToDas for Slot {
    fn to_das(&self, out: &mut Output) {
        self.get().to_das(out);
    }
}

impl ToDas for str {
    fn to_das(&self, out: &mut Output) {
        serde_json::to_writer(&mut out.body, self).expect("a Vec takes every write");
    }
}

impl ToDas for String {
    fn to_das(&self, out: &mut Output) {
        self.as_str().to_das(out);
    }
}

impl ToDas for Pubkey {
    fn to_das(&self, out: &mut Output) {
        out.body.push(b'"');
        self.with_text(|text| out.body.extend_from_slice(text.as_bytes()));
        out.body.push(b'"');
    }
}

/// An address that may be the empty text.
impl ToDas for Option<Pubkey> {
    fn to_das(&self, out: &mut Output) {
        match self {
            Some(key) => key.to_das(out),
            None => out.body.extend_from_slice(b"\"\""),
        }
    }
}

impl ToDas for Json {
    fn to_das(&self, out: &mut Output) {
        out.body.extend_from_slice(self.as_str().as_bytes());
    }
}

/// A free-form member; its `null` is a value like any other.
impl ToDas for Option<Json> {
    fn to_das(&self, out: &mut Output) {
        if let Some(json) = self {
            json.to_das(out);
        }
    }

    fn left_out(&self) -> bool {
        self.is_none()
    }
}

impl<T: ToDas> ToDas for Vec<T> {
    fn to_das(&self, out: &mut Output) {
        out.body.push(b'[');
        for (at, value) in self.iter().enumerate() {
            if at > 0 {
                out.body.push(b',');
            }
            value.to_das(out);
        }
        out.body.push(b']');
    }
}

impl<T: ToDas> ToDas for Field<T> {
    fn to_das(&self, out: &mut Output) {
        match self {
            Self::Is(value) => value.to_das(out),
            Self::Null => out.body.extend_from_slice(b"null"),
            Self::Absent => {}
        }
    }

    fn left_out(&self) -> bool {
        self.is_absent()
    }
}

/// Writes the members of one object, with commas where they belong.
pub(crate) struct Members {
    first: bool,
}

impl Members {
    pub(crate) fn open(out: &mut Output) -> Self {
        out.body.push(b'{');
        Self { first: true }
    }

    /// Writes a name that needs no escapes, after which its value has to follow.
    pub(crate) fn name(&mut self, out: &mut Output, name: &str) {
        self.comma(out);
        out.body.push(b'"');
        out.body.extend_from_slice(name.as_bytes());
        out.body.extend_from_slice(b"\":");
    }

    /// Writes a known member, unless it is left out.
    pub(crate) fn put<T: ToDas>(&mut self, out: &mut Output, name: &str, value: &T) {
        if !value.left_out() {
            self.name(out, name);
            value.to_das(out);
        }
    }

    /// Writes the members that nobody knows.
    pub(crate) fn extra(&mut self, out: &mut Output, extra: &Extra) {
        for (name, json) in extra {
            self.comma(out);
            name.to_das(out);
            out.body.push(b':');
            json.to_das(out);
        }
    }

    /// Writes the members that nobody knows, and the end.
    pub(crate) fn close(mut self, out: &mut Output, extra: &Extra) {
        self.extra(out, extra);
        out.body.push(b'}');
    }

    fn comma(&mut self, out: &mut Output) {
        if !self.first {
            out.body.push(b',');
        }
        self.first = false;
    }
}

/// Keeps a member that nobody knows.
pub(crate) fn keep(extra: &mut Extra, name: &str, raw: &RawValue) {
    extra.push((name.to_owned(), Json::checked(raw.get())));
}

/// Reads a member that is as good as absent where it is null.
pub(crate) fn filled<T: FromDas>(raw: &RawValue) -> Result<Option<T>, AssetError> {
    Field::from_das(raw).map(Field::into_option)
}

/// Reads a free-form member that has to be an object or null.
pub(crate) fn object_or_null(raw: &RawValue) -> Result<Option<Json>, AssetError> {
    match raw.get().as_bytes().first() {
        Some(b'{' | b'n') => Json::from_das(raw).map(Some),
        _ => Err(wrong("an object", raw)),
    }
}

/// Reads a number whose exact text is kept, or null.
pub(crate) fn number_or_null(raw: &RawValue) -> Result<Option<Json>, AssetError> {
    match raw.get().as_bytes().first() {
        Some(b'0'..=b'9' | b'-' | b'n') => Json::from_das(raw).map(Some),
        _ => Err(wrong("a number", raw)),
    }
}

/// Reads text that Postgres can hold: it has no NUL character.
pub(crate) fn text_without_nul(raw: &RawValue) -> Result<String, AssetError> {
    let text = String::from_das(raw)?;
    if text.contains('\0') { Err(AssetError::new("must not have a NUL character")) } else { Ok(text) }
}

/// The error for a value of another kind than a known member has.
pub(crate) fn wrong(expected: &str, raw: &RawValue) -> AssetError {
    let found = match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "text",
        Some(b'n') => "null",
        Some(b't' | b'f') => "true or false",
        _ if expected.contains("number") => "another number",
        _ => "a number",
    };
    AssetError::new(format_args!("must be {expected}, not {found}"))
}
