//! Answers of a list method, read twice: as whole JSON once, and cheaply each time.

use std::fmt::Write as _;
use std::io::Read;

use anyhow::{Context as _, Result, bail, ensure};
use five8::decode_32;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::data::{Data, Member};

/// What stands before the items of a result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Head {
    /// The number of items in this answer.
    pub(crate) total: usize,
    /// The limit that was asked for.
    pub(crate) limit: usize,
    /// The number of all members, where it was asked for.
    pub(crate) grand_total: Option<usize>,
    /// Where the next page starts.
    pub(crate) cursor: Option<String>,
}

/// What an answer must be.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// The items, in order.
    pub(crate) members: Vec<Member>,
    /// The limit that is asked for.
    pub(crate) limit: usize,
    /// The number of all members, if it is asked for.
    pub(crate) grand_total: Option<usize>,
}

/// The head of an answer and the text of its items.
pub(crate) fn split(body: &[u8]) -> Result<(Head, &[u8])> {
    const RESULT: &[u8] = b"\"result\":";
    const ITEMS: &[u8] = b"\"items\":[";
    let start = memmem::find(body, RESULT).with_context(|| format!("no result: {}", excerpt(body, 0)))?;
    let start = start + RESULT.len();
    let items = memmem::find(&body[start..], ITEMS).context("no items")? + start + ITEMS.len();
    let mut head = body[start..items].to_vec();
    head.extend_from_slice(b"]}");
    let head = serde_json::from_slice(&head).with_context(|| excerpt(body, 0))?;
    Ok((head, &body[items..]))
}

/// The ids of items, without parsing them. Inside of an item no other member is called `id`, and in a string its
/// quotes would be escaped.
pub(crate) fn ids(items: &[u8]) -> impl Iterator<Item = Result<[u8; 32]>> {
    const ID: &[u8] = b"\"id\":\"";
    memmem::find_iter(items, ID).map(|at| {
        let text = &items[at + ID.len()..];
        let end = memchr::memchr(b'"', text).context("an id without an end")?;
        let mut id = [0; 32];
        decode_32(&text[..end], &mut id).map_err(|error| {
            anyhow::anyhow!("{} is no id: {error:?}", String::from_utf8_lossy(&text[..end]))
        })?;
        Ok(id)
    })
}

/// Compares the ids of an answer with what they must be, and its `total` with their number.
pub(crate) fn check_ids(body: &[u8], expected: &[[u8; 32]]) -> Result<Head> {
    let (head, items) = split(body)?;
    let mut found = 0;
    for id in ids(items) {
        let id = id?;
        match expected.get(found) {
            Some(wanted) if *wanted == id => found += 1,
            Some(_) => bail!("item {found} of {} is another one than it must be", expected.len()),
            None => bail!("more than {} items", expected.len()),
        }
    }
    ensure!(found == expected.len(), "{found} items instead of {}", expected.len());
    ensure!(head.total == found, "total says {} of {found} items", head.total);
    Ok(head)
}

/// Compares an answer, as JSON, with all that it must be: order, items to their last member, counts.
pub(crate) fn check(body: &[u8], expected: &Expected, data: Data) -> Result<Head> {
    let answer: Value = serde_json::from_slice(body).context("not JSON")?;
    let result = answer.get("result").with_context(|| format!("no result: {}", excerpt(body, 0)))?;
    let items = result["items"].as_array().context("no items")?;
    let count = expected.members.len();
    ensure!(items.len() == count, "{} items instead of {count}", items.len());
    let mut line = Vec::new();
    for (place, (item, member)) in items.iter().zip(&expected.members).enumerate() {
        line.clear();
        data.write(member.index, 0, &mut line);
        let wanted: Value = serde_json::from_slice(&line)?;
        check_item(item, &wanted).with_context(|| format!("item {place}"))?;
    }
    let wanted: Vec<[u8; 32]> = expected.members.iter().map(|member| member.id).collect();
    let head = check_ids(body, &wanted)?;
    ensure!(head.limit == expected.limit, "limit says {}, and {} was asked", head.limit, expected.limit);
    let (told, real) = (head.grand_total, expected.grand_total);
    ensure!(told == real, "grand_total says {told:?} and must be {real:?}");
    Ok(head)
}

/// Compares an asset with what it must be, to its last member.
pub(crate) fn check_item(item: &Value, wanted: &Value) -> Result<()> {
    ensure!(item["id"] == wanted["id"], "it is {} and must be {}", item["id"], wanted["id"]);
    ensure!(item == wanted, "{}: {}", item["id"], difference(item, wanted));
    Ok(())
}

/// The members of an object in which it differs.
fn difference(item: &Value, wanted: &Value) -> String {
    let (Some(item), Some(wanted)) = (item.as_object(), wanted.as_object()) else {
        return format!("{item} instead of {wanted}");
    };
    let mut text = String::new();
    for name in wanted.keys().chain(item.keys().filter(|name| !wanted.contains_key(*name))) {
        let (found, wanted) = (item.get(name), wanted.get(name));
        if found != wanted {
            let _ = write!(text, "{name} is {found:?} and must be {wanted:?}; ");
        }
    }
    text
}

/// A body without its content encoding.
pub(crate) fn decode(body: &[u8], encoding: Option<&str>) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    match encoding {
        None => plain.extend_from_slice(body),
        Some("gzip") => {
            let read = flate2::read::MultiGzDecoder::new(body).read_to_end(&mut plain);
            read.context("gzip")?;
        }
        Some("zstd") => zstd::stream::copy_decode(body, &mut plain).context("zstd")?,
        Some(other) => bail!("content-encoding {other}"),
    }
    Ok(plain)
}

/// Some text around a place, for an error.
pub(crate) fn excerpt(body: &[u8], at: usize) -> String {
    let range = at.saturating_sub(60)..(at + 120).min(body.len());
    String::from_utf8_lossy(body.get(range).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::data::Kind;
    use crate::lists::{List, Sort};

    fn page(data: Data, members: &[Member], total: usize) -> Vec<u8> {
        let mut body = format!(
            r#"{{"jsonrpc":"2.0","result":{{"grand_total":30,"total":{total},"limit":10,"cursor":"abc","items":["#
        )
        .into_bytes();
        for (place, member) in members.iter().enumerate() {
            if place > 0 {
                body.push(b',');
            }
            data.write(member.index, 0, &mut body);
            body.pop();
        }
        body.extend_from_slice(br#"]},"id":1}"#);
        body
    }

    #[test]
    fn a_right_answer_passes_and_each_wrong_one_is_told() {
        let data = Data::new(300);
        let list = List::collect(data, &[(Kind::Group, 1)], usize::MAX).swap_remove(0);
        let members = list.ordered(Sort::Id, false)[..10].to_vec();
        let expected = Expected { members: members.clone(), limit: 10, grand_total: Some(30) };
        let head = check(&page(data, &members, 10), &expected, data).unwrap();
        assert_eq!(
            head,
            Head { total: 10, limit: 10, grand_total: Some(30), cursor: Some("abc".to_owned()) }
        );

        let mut swapped = members.clone();
        swapped.swap(3, 4);
        let mut doubled = members.clone();
        doubled[5] = doubled[4];
        let changed =
            String::from_utf8(page(data, &members, 10)).unwrap().replacen("\"share\":100", "\"share\":99", 1);
        for (body, told) in [
            (page(data, &swapped, 10), "item 3: it is"),
            (page(data, &doubled, 10), "item 5: it is"),
            (page(data, &members[..9], 9), "9 items instead of 10"),
            (page(data, &members, 9), "total says 9"),
            (changed.into_bytes(), "creators is"),
            (br#"{"jsonrpc":"2.0","error":{"code":-32000},"id":1}"#.to_vec(), "no result"),
        ] {
            let error = format!("{:#}", check(&body, &expected, data).unwrap_err());
            assert!(error.contains(told), "{error}");
        }
        for wrong in [Expected { limit: 11, ..expected.clone() }, Expected { grand_total: None, ..expected }]
        {
            assert!(check(&page(data, &members, 10), &wrong, data).is_err());
        }
    }

    #[test]
    fn encodings_are_undone() {
        let plain = b"text text text".to_vec();
        let packed = zstd::bulk::compress(&plain, 3).unwrap();
        // An answer may be several frames.
        let twice = [packed.clone(), packed].concat();
        assert_eq!(decode(&twice, Some("zstd")).unwrap(), [plain.clone(), plain.clone()].concat());
        assert_eq!(decode(&plain, None).unwrap(), plain);
        assert!(decode(&plain, Some("gzip")).is_err());
        assert!(decode(&plain, Some("br")).is_err());
    }
}
