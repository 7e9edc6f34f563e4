//! What an asset shows: its metadata and files.

use serde_json::value::RawValue;

use crate::asset::Extra;
use crate::das::{FromDas, Members, Part, ToDas, keep, object_or_null};
use crate::field::Field;
use crate::json::Json;
use crate::parse::AssetError;
use crate::render::Output;

/// The member `content`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// `$schema`, a URL.
    pub schema: Field<String>,
    /// Where the off-chain document is.
    pub json_uri: Field<String>,
    /// The files; that of `links.image` is first.
    pub files: Field<Vec<File>>,
    /// Name, symbol, description, attributes, token standard: an object with any members.
    pub metadata: Json,
    /// `image`, `animation_url`, `external_url`: an object with any members, or null.
    pub links: Option<Json>,
    /// Every other member, as `category`.
    pub extra: Extra,
}

/// One file of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct File {
    /// Where the file is.
    pub uri: Field<String>,
    /// Its media type.
    pub mime: Field<String>,
    /// What it is meant for, as `["wallet-default"]`.
    pub contexts: Option<Json>,
    /// How good it is.
    pub quality: Option<Json>,
    /// Every other member.
    pub extra: Extra,
}

impl Default for Content {
    /// No member but the metadata that every client needs: `{}`.
    fn default() -> Self {
        Self {
            schema: Field::Absent,
            json_uri: Field::Absent,
            files: Field::Absent,
            metadata: Json::empty_object(),
            links: None,
            extra: Extra::new(),
        }
    }
}

impl Part for Content {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "$schema" => self.schema = FromDas::from_das(raw)?,
            "json_uri" => self.json_uri = FromDas::from_das(raw)?,
            "files" => self.files = FromDas::from_das(raw)?,
            "metadata" if raw.get() == "null" => {}
            "metadata" => self.metadata = object_or_null(raw)?.unwrap_or_else(Json::empty_object),
            "links" => self.links = object_or_null(raw)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for Content {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        members.put(out, "$schema", &self.schema);
        members.put(out, "json_uri", &self.json_uri);
        members.put(out, "files", &self.files);
        members.put(out, "metadata", &self.metadata);
        members.put(out, "links", &self.links);
        members.close(out, &self.extra);
    }
}

impl Part for File {
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), AssetError> {
        match name {
            "uri" => self.uri = FromDas::from_das(raw)?,
            // Made per call from `uri` and the server's own base.
            "cdn_uri" => {}
            "mime" => self.mime = FromDas::from_das(raw)?,
            "contexts" => self.contexts = FromDas::from_das(raw).map(Some)?,
            "quality" => self.quality = FromDas::from_das(raw).map(Some)?,
            _ => keep(&mut self.extra, name, raw),
        }
        Ok(())
    }
}

impl ToDas for File {
    fn to_das(&self, out: &mut Output) {
        let mut members = Members::open(out);
        if !self.uri.left_out() {
            members.name(out, "uri");
            let quote = out.body.len();
            self.uri.to_das(out);
            // A file without a place has none on a CDN either.
            if self.uri.get().is_some_and(|uri| !uri.is_empty()) {
                let at = out.body.len();
                out.table.cdn_uri(at, at - quote - 2);
            }
        }
        members.put(out, "mime", &self.mime);
        members.put(out, "contexts", &self.contexts);
        members.put(out, "quality", &self.quality);
        members.close(out, &self.extra);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Content, AssetError> {
        let raw: &RawValue = serde_json::from_str(text).expect("JSON");
        Content::from_das(raw)
    }

    fn written(content: &Content) -> String {
        let mut out = Output::default();
        content.to_das(&mut out);
        String::from_utf8(out.body).expect("JSON is UTF-8")
    }

    #[test]
    fn known_members_come_first_and_unknown_ones_stay() {
        let text = concat!(
            r#"{"zeta":[1.0],"links":{"image":"i"},"files":[{"mime":null,"weight":2,"cdn_uri":5,"uri":"u","#,
            r#""quality":null,"contexts":["app"]},{}],"metadata":{"name":"n"},"json_uri":"","$schema":null}"#,
        );
        let content = read(text).expect("a content");
        let expected = concat!(
            r#"{"$schema":null,"json_uri":"","files":[{"uri":"u","mime":null,"contexts":["app"],"quality":null,"#,
            r#""weight":2},{}],"metadata":{"name":"n"},"links":{"image":"i"},"zeta":[1.0]}"#,
        );
        assert_eq!(written(&content), expected);
    }

    #[test]
    fn metadata_is_always_there() {
        for text in ["{}", r#"{"metadata":null}"#] {
            assert_eq!(written(&read(text).expect("a content")), r#"{"metadata":{}}"#);
        }
        assert_eq!(read(r#"{"metadata":null}"#).expect("a content"), Content::default());
        let nulls = r#"{"files":null,"metadata":{},"links":null}"#;
        assert_eq!(written(&read(nulls).expect("a content")), nulls);
    }

    #[test]
    fn wrong_types_are_named() {
        for (text, message) in [
            (r#"{"metadata":[]}"#, "metadata: must be an object, not an array"),
            (r#"{"links":"x"}"#, "links: must be an object, not text"),
            (r#"{"files":{}}"#, "files: must be an array, not an object"),
            (r#"{"files":[{},null]}"#, "files[1]: must be an object"),
            (r#"{"files":[{"uri":3}]}"#, "files[0].uri: must be text, not a number"),
            (r#"{"files":[{"uri":"a","uri":"b"}]}"#, "files[0]: duplicate key \"uri\""),
        ] {
            assert_eq!(read(text).expect_err(text).to_string(), message);
        }
    }
}
