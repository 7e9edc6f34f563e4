//! The arguments of a call, by name, in whichever form they came.

use serde::Deserialize;
use serde_json::value::RawValue;
use vitrine_model::{Object, Pubkey};

use crate::error::InvalidParams;

/// A parameter: its name and the other names that clients use. A method's fields stand in positional order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
}

/// A parameter without aliases.
pub(crate) const fn field(name: &'static str) -> Field {
    Field { name, aliases: &[] }
}

/// The arguments given for a method's fields. An explicit null is an absent value.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    /// What stands before each name in errors, for nested objects: empty or `options.`.
    within: &'static str,
    given: Vec<(&'static str, Option<&'a RawValue>)>,
}

impl<'a> Args<'a> {
    /// Sorts `params` into `fields`. With `strict` an unknown name is an error, otherwise it is ignored.
    ///
    /// An array holds the fields in order; a short one is padded with null. `[{…}]` is a named object, for no
    /// method's first field is one.
    pub(crate) fn parse(
        params: Option<&'a RawValue>,
        fields: &[Field],
        strict: bool,
    ) -> Result<Self, InvalidParams> {
        let mut args = Self { within: "", given: fields.iter().map(|field| (field.name, None)).collect() };
        let Some(params) = params.filter(|params| !is_null(params)) else { return Ok(args) };
        match params.get().as_bytes().first() {
            Some(b'{') => args.named(params, fields, strict)?,
            Some(b'[') => {
                let values: Vec<&RawValue> = serde_json::from_str(params.get())
                    .map_err(|error| InvalidParams::shape("params", plain(&error)))?;
                match values.as_slice() {
                    [only] if only.get().starts_with('{') => args.named(only, fields, strict)?,
                    _ => args.positional(&values)?,
                }
            }
            _ => return Err(InvalidParams::shape("params", "params must be an object or an array")),
        }
        Ok(args)
    }

    /// The members of a nested object, whose names in errors begin with `within`.
    pub(crate) fn nested(
        object: &'a RawValue,
        within: &'static str,
        fields: &[Field],
        strict: bool,
    ) -> Result<Self, InvalidParams> {
        let mut args = Self { within, given: fields.iter().map(|field| (field.name, None)).collect() };
        args.named(object, fields, strict)?;
        Ok(args)
    }

    /// A field as it stands.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.given.iter().find(|(field, _)| *field == name).and_then(|(_, value)| *value)
    }

    /// A field's value, if it is there.
    pub(crate) fn optional<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, InvalidParams> {
        self.raw(name)
            .map(|value| {
                serde_json::from_str(value.get()).map_err(|error| {
                    InvalidParams::shape(self.path(name), format!("{name}: {}", plain(&error)))
                })
            })
            .transpose()
    }

    /// A field's value.
    pub(crate) fn required<T: Deserialize<'a>>(&self, name: &str) -> Result<T, InvalidParams> {
        self.optional(name)?
            .ok_or_else(|| InvalidParams::shape(self.path(name), format!("missing field `{name}`")))
    }

    /// A whole number from 0 on, if it is there; also written as `1.0`. One beyond u64 is as good as the largest.
    pub(crate) fn whole(&self, name: &str) -> Result<Option<u64>, InvalidParams> {
        let Some(text) = self.raw(name).map(RawValue::get) else { return Ok(None) };
        let digits = match text.split_once('.') {
            Some((digits, fraction)) if fraction.bytes().all(|byte| byte == b'0') => digits,
            _ => text,
        };
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Some(digits.parse().unwrap_or(u64::MAX)));
        }
        let reason = format!("{name} must be a whole number from 0 on");
        Err(InvalidParams::shape(self.path(name), reason))
    }

    /// A flag; false where it is absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, InvalidParams> {
        Ok(self.optional(name)?.unwrap_or(false))
    }

    /// A required pubkey.
    pub(crate) fn pubkey(&self, name: &str) -> Result<Pubkey, InvalidParams> {
        let text: String = self.required(name)?;
        pubkey(&self.path(name), &text)
    }

    /// A pubkey, if it is there.
    pub(crate) fn optional_pubkey(&self, name: &str) -> Result<Option<Pubkey>, InvalidParams> {
        self.optional::<String>(name)?.map(|text| pubkey(&self.path(name), &text)).transpose()
    }

    /// One of these words, if it is there.
    pub(crate) fn one_of(
        &self,
        name: &str,
        known: &[&'static str],
    ) -> Result<Option<&'static str>, InvalidParams> {
        let Some(text) = self.optional::<String>(name)? else { return Ok(None) };
        match known.iter().find(|word| **word == text) {
            Some(word) => Ok(Some(word)),
            None => Err(self.unknown_variant(name, &text, known)),
        }
    }

    /// A word that is none of those that are known.
    pub(crate) fn unknown_variant(&self, name: &str, word: &str, known: &[&str]) -> InvalidParams {
        let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
        let reason = format!("unknown variant `{word}`, expected one of {}", known.join(", "));
        InvalidParams::shape(self.path(name), reason)
    }

    /// What errors call a field.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.within)
    }

    fn named(&mut self, object: &'a RawValue, fields: &[Field], strict: bool) -> Result<(), InvalidParams> {
        let object = Object::parse(object.get()).map_err(|error| {
            let field = if self.within.is_empty() { "params" } else { self.within.trim_end_matches('.') };
            InvalidParams::shape(field, error.to_string())
        })?;
        for (name, value) in object.into_rest() {
            if is_null(value) {
                continue;
            }
            let place = fields.iter().position(|field| field.name == name || field.aliases.contains(&&*name));
            match place {
                Some(place) if self.given[place].1.is_some() => {
                    let name = fields[place].name;
                    return Err(InvalidParams::shape(self.path(name), format!("duplicate field `{name}`")));
                }
                Some(place) => self.given[place].1 = Some(value),
                None if strict => {
                    return Err(InvalidParams::shape(self.path(&name), format!("unknown field `{name}`")));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn positional(&mut self, values: &[&'a RawValue]) -> Result<(), InvalidParams> {
        let most = self.given.len();
        if values.iter().skip(most).any(|value| !is_null(value)) {
            let reason = format!("{} values where there are at most {most}", values.len());
            return Err(InvalidParams::shape("params", reason));
        }
        for ((_, given), value) in self.given.iter_mut().zip(values) {
            *given = (!is_null(value)).then_some(*value);
        }
        Ok(())
    }
}

/// A pubkey in base58.
pub(crate) fn pubkey(field: &str, text: &str) -> Result<Pubkey, InvalidParams> {
    text.parse().map_err(|_| pubkey_is_invalid(field, text))
}

/// What there is to be said of a text that is no pubkey, in the words that clients match on.
pub(crate) fn pubkey_is_invalid(field: &str, text: &str) -> InvalidParams {
    InvalidParams::rule(field, format!("Pubkey Validation Err: {text} is invalid"))
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// serde's sentence without the place in a text that the caller never saw as one.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const FIELDS: &[Field] = &[field("a"), Field { name: "b", aliases: &["bee"] }];

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn both(json: &str, strict: bool) -> Result<(Option<u32>, Option<u32>), InvalidParams> {
        let raw = raw(json);
        let args = Args::parse(Some(&raw), FIELDS, strict)?;
        Ok((args.optional("a")?, args.optional("b")?))
    }

    #[test]
    fn named_positional_and_wrapped() {
        for (json, expected) in [
            (r#"{"a":1,"b":2}"#, (Some(1), Some(2))),
            (r#"{"bee":2}"#, (None, Some(2))),
            (r#"{"a":null,"b":null,"bee":2}"#, (None, Some(2))),
            (r#"{"a":1,"z":3}"#, (Some(1), None)),
            ("[1,2]", (Some(1), Some(2))),
            ("[1]", (Some(1), None)),
            ("[null,2,null,null]", (None, Some(2))),
            ("[]", (None, None)),
            (r#"[{"a":1}]"#, (Some(1), None)),
            ("null", (None, None)),
        ] {
            assert_eq!(both(json, false), Ok(expected), "{json}");
        }
    }

    #[test]
    fn errors_name_the_field() {
        for (json, strict, field) in [
            (r#"{"b":"2"}"#, false, "b"),
            (r#"{"b":-1}"#, false, "b"),
            (r#"{"b":1e999}"#, false, "b"),
            (r#"{"b":1,"bee":2}"#, false, "b"),
            (r#"{"b":1,"b":2}"#, false, "params"),
            (r#"{"z":1}"#, true, "z"),
            ("[1,2,3]", false, "params"),
            ("7", false, "params"),
        ] {
            assert_eq!(both(json, strict).map_err(|error| error.field), Err(field.to_owned()), "{json}");
        }
    }
}
