//! The member `content`: what the chain says, and what the off-chain document adds.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use serde_json::value::RawValue;
use vitrine_model::{Content, Extra, Field, File, Json};

use super::draft::Draft;

/// The schema that every asset names.
const SCHEMA: &str = "https://schema.metaplex.com/nft1.0.json";

/// The media type of a file whose document and name tell none.
const DEFAULT_MIME: &str = "image/png";

/// The members of an object by their names; of two with one name the later one, as usual parsers have it.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// What an asset shows. A document that is no JSON object adds nothing, nor does a member that not every client could
/// read.
pub(super) fn content(draft: &Draft, document: Option<&str>) -> Content {
    let document: Members<'_> = document.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let links = ["image", "animation_url", "external_url"].map(|name| (name, member(&document, name)));
    Content {
        schema: Field::Is(SCHEMA.to_owned()),
        json_uri: Field::Is(draft.uri.clone()),
        files: Field::Is(files(&document)),
        metadata: metadata(draft, &document),
        links: Some(object(&links)),
        extra: Extra::new(),
    }
}

/// The names stand in the order of the alphabet, as in the answers of the reference.
fn metadata(draft: &Draft, document: &Members<'_>) -> Json {
    let own = |text: Option<&str>| text.and_then(|text| serde_json::to_string(text).ok()).map(Cow::Owned);
    object(&[
        ("attributes", member(document, "attributes")),
        ("description", member(document, "description")),
        ("name", own(draft.name.as_deref())),
        ("symbol", own(draft.symbol.as_deref())),
        ("token_standard", own(draft.token_standard)),
    ])
}

/// The text of a member that is there and not null.
fn member<'a>(members: &Members<'a>, name: &str) -> Option<Cow<'a, str>> {
    members.get(name).map(|value| value.get()).filter(|text| *text != "null").map(Cow::Borrowed)
}

/// An object of the members that are there and that every client can read.
fn object(members: &[(&str, Option<Cow<'_, str>>)]) -> Json {
    let joined = |usable: fn(&str) -> bool| {
        let mut text = String::from("{");
        for (name, value) in members {
            if let Some(value) = value.as_deref().filter(|value| usable(value)) {
                let comma = if text.len() > 1 { "," } else { "" };
                text.extend([comma, "\"", name, "\":", value]);
            }
        }
        text.push('}');
        Json::parse(&text)
    };
    // Members are looked at one by one only where one of them is at fault.
    let usual = joined(|_| true).or_else(|_| joined(|value| Json::parse(value).is_ok()));
    usual.unwrap_or_else(|_| Json::empty_object())
}

/// The files: that of `image` first, then `properties.files` in their order, then `animation_url`; each uri once.
fn files(document: &Members<'_>) -> Vec<File> {
    let of_document: Vec<File> = document
        .get("properties")
        .and_then(|properties| serde_json::from_str::<Members<'_>>(properties.get()).ok())
        .and_then(|properties| serde_json::from_str::<Vec<&RawValue>>(properties.get("files")?.get()).ok())
        .unwrap_or_default()
        .into_iter()
        .filter_map(file)
        .collect();
    let image = document.get("image").and_then(|image| text(image));
    let animation = document.get("animation_url").and_then(|animation| text(animation));
    let (mut files, rest): (Vec<_>, Vec<_>) =
        of_document.into_iter().partition(|file| image.is_some() && file.uri.get() == image.as_ref());
    // What the document says of the file is more than what the link says, so the link comes behind.
    files.extend(image.map(bare));
    files.extend(rest);
    files.extend(animation.map(bare));
    let mut seen = HashSet::new();
    files.retain(|file| file.uri.get().is_some_and(|uri| seen.insert(uri.clone())));
    files
}

/// A file as documents have it: an object with `uri` (or `url`) and `type`, or the uri alone.
fn file(value: &RawValue) -> Option<File> {
    let Ok(mut members) = serde_json::from_str::<Members<'_>>(value.get()) else {
        return text(value).map(bare);
    };
    let uri = ["uri", "url"].iter().find_map(|name| text(members.get(*name)?))?;
    let mime = members.get("type").and_then(|kind| text(kind)).unwrap_or_else(|| guess(&uri));
    for known in ["uri", "url", "type", "mime", "cdn_uri"] {
        members.remove(known);
    }
    let mut kept = |name: &str| Json::try_from(members.remove(name)?).ok();
    let (contexts, quality) = (kept("contexts"), kept("quality"));
    let extra = members.into_iter().filter_map(|(name, value)| Some((name, Json::try_from(value).ok()?)));
    let extra = extra.collect();
    Some(File { uri: Field::Is(uri), mime: Field::Is(mime), contexts, quality, extra })
}

/// A file of which the uri is all that is known.
fn bare(uri: String) -> File {
    File { mime: Field::Is(guess(&uri)), uri: Field::Is(uri), ..File::default() }
}

/// A text that is not empty. A link of another type is no file.
fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str::<String>(value.get()).ok().filter(|text| !text.is_empty())
}

/// The media type that the name of a file has: the last part of the uri's path.
fn guess(uri: &str) -> String {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let guess = mime_guess::from_path(path).first_raw();
    guess.unwrap_or(DEFAULT_MIME).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(draft: &Draft, document: Option<&str>) -> String {
        let mut asset =
            vitrine_model::Asset::new(vitrine_model::Pubkey::from_bytes([0; 32]), "Custom".to_owned());
        asset.content = content(draft, document);
        let body = String::from_utf8(asset.render().body).expect("UTF-8");
        let (_, rest) = body.split_once(r#""content":"#).expect("a content");
        rest.split_once(r#","authorities""#).expect("authorities").0.to_owned()
    }

    fn named() -> Draft {
        Draft {
            name: Some("A \"b\"".to_owned()),
            symbol: Some(String::new()),
            token_standard: Some("NonFungible"),
            uri: "https://x.example/a.json".to_owned(),
            ..Draft::default()
        }
    }

    #[test]
    fn the_chain_names_and_the_document_describes() {
        let document = r#" {"name": "other", "description": "d", "attributes": [{"trait_type": "a", "value": 1.0}],
            "image": "https://x.example/1.png", "external_url": null, "animation_url": 5} "#;
        let expected = concat!(
            r#"{"$schema":"https://schema.metaplex.com/nft1.0.json","json_uri":"https://x.example/a.json","#,
            r#""files":[{"uri":"https://x.example/1.png","mime":"image/png"}],"metadata":{"attributes":"#,
            r#"[{"trait_type":"a","value":1.0}],"description":"d","name":"A \"b\"","symbol":"","#,
            r#""token_standard":"NonFungible"},"links":{"image":"https://x.example/1.png","animation_url":5}}"#,
        );
        assert_eq!(written(&named(), Some(document)), expected);
    }

    #[test]
    fn files_have_the_image_first_and_each_uri_once() {
        let document = r#"{"image":"https://x.example/b.gif","animation_url":"https://x.example/c.mp4?d=e.png","properties":{"files":[
            {"uri":"https://x.example/a.glb"}, {"type":"image/webp","uri":"https://x.example/b.gif","cdn":true,
            "contexts":["wallet-default"],"quality":null,"cdn_uri":"gone","a":{"z":1,"y":2}},
            "https://x.example/n#f.jpg", {"uri":"https://x.example/a.glb","type":"late"}, {"type":"no uri"}, 7, null, "",
            {"url":"https://x.example/t.txt","type":3}]}}"#;
        let expected = concat!(
            r#""files":[{"uri":"https://x.example/b.gif","mime":"image/webp","contexts":["wallet-default"],"#,
            r#""quality":null,"a":{"z":1,"y":2},"cdn":true},{"uri":"https://x.example/a.glb","mime":"#,
            r#""model/gltf-binary"},{"uri":"https://x.example/n#f.jpg","mime":"image/png"},"#,
            r#"{"uri":"https://x.example/t.txt","mime":"text/plain"},"#,
            r#"{"uri":"https://x.example/c.mp4?d=e.png","mime":"video/mp4"}],"#,
        );
        let content = written(&named(), Some(document));
        assert!(content.contains(expected), "{content}");
    }

    #[test]
    fn a_document_at_fault_adds_what_can_be_read() {
        let without = written(&named(), None);
        for document in
            ["", "[]", "\"processing\"", "null", "{\"description\":", r#"{"image":null,"properties":[]}"#]
        {
            assert_eq!(written(&named(), Some(document)), without, "{document}");
        }
        let one = r#"{"description":"\ud800","attributes":[1e999],"image":"\udfff","external_url":"x","properties":{"files":{}}}"#;
        let content = written(&named(), Some(one));
        assert_eq!(content, without.replace(r#""links":{}"#, r#""links":{"external_url":"x"}"#));
    }

    #[test]
    fn of_two_members_with_one_name_the_later_one_counts() {
        let content = written(&named(), Some(r#"{"description":"a","description":"b"}"#));
        assert!(content.contains(r#""description":"b""#), "{content}");
    }
}
