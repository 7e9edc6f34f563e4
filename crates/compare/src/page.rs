//! Which pages of an answer are asked for, and how one leads to the next. Pure.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

use crate::known::Known;

/// What is asked for as a page, with some small ones so that few items are several pages.
const LIMITS: [u32; 8] = [1, 2, 3, 5, 10, 20, 50, 50];

/// The largest page of changes: they are read for what two servers both have.
const CHANGES_MAX: u32 = 200;

/// The most pages of a question.
const PAGES_MAX: u32 = 5;

/// The orders of a list.
const SORTS: [&str; 4] = ["id", "created", "updated", "recent_action"];

/// The first and the last address there is: good as bounds, as any 32 bytes are.
const ENDS: [&str; 2] = ["11111111111111111111111111111111", "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG"];

/// How a method's answers come in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// One answer.
    Whole,
    /// A list of assets, in an order that may be asked for.
    List,
    /// One order whose places are addresses.
    ByAddress,
    /// One order whose places are the server's own.
    Opaque,
    /// The same, and it may be asked for backwards.
    TwoWays,
    /// Changes, in the order in which a server came to know them.
    Changes,
}

/// How each page after the first is asked for, by what the same server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// There is one page.
    Once,
    /// By the number behind.
    Page,
    /// By its cursor.
    Cursor,
    /// By its last item as the bound that this parameter names, `after` or `before`.
    Bound(&'static str),
    /// By its cursor until there is no more, and compared as a whole: two servers have orders of their own.
    Changes,
}

/// Adds what a page is asked for with. How the next ones are, and how many pages are asked for.
pub(crate) fn choose(
    paging: Paging,
    known: &Known,
    params: &mut Map<String, Value>,
    rng: &mut StdRng,
) -> (Walk, u32) {
    let mut set = |name: &str, value: Value| drop(params.insert(name.to_owned(), value));
    let limit = if rng.random_ratio(1, 20) { 0 } else { LIMITS.choose(rng).copied().unwrap_or(1) };
    let direction = *["asc", "desc"].choose(rng).unwrap_or(&"asc");
    // Without an order by name it is that of ids, in a direction that follows from bounds.
    let (mut by_id, mut stated) = (true, None);
    match paging {
        Paging::Whole => return (Walk::Once, 1),
        Paging::Changes => {
            set("limit", rng.random_range(1..=CHANGES_MAX).into());
            return (Walk::Changes, PAGES_MAX);
        }
        Paging::List if rng.random_ratio(2, 3) => {
            let sort = *SORTS.choose(rng).unwrap_or(&"id");
            (by_id, stated) = (sort == "id", Some(direction));
            set("sortBy", json!({ "sortBy": sort, "sortDirection": direction }));
        }
        Paging::TwoWays if rng.random() => set("sortDirection", direction.into()),
        _ => {}
    }
    set("limit", limit.into());
    let pages = rng.random_range(1..=PAGES_MAX);
    let bounded = by_id && matches!(paging, Paging::List | Paging::ByAddress);
    match rng.random_range(0..4) {
        0 => {
            set("page", rng.random_range(1..=3).into());
            (Walk::Page, pages)
        }
        1 if bounded => {
            let names =
                *[&["after"][..], &["before"], &["after", "before"]].choose(rng).unwrap_or(&&["after"][..]);
            for name in names {
                set(name, bound(known, rng));
            }
            let asc = stated.map_or(names == ["after"], |direction| direction == "asc");
            (Walk::Bound(if asc { "after" } else { "before" }), pages)
        }
        _ => (Walk::Cursor, pages),
    }
}

fn bound(known: &Known, rng: &mut StdRng) -> Value {
    match known.assets.choose(rng) {
        Some(asset) if rng.random_ratio(3, 4) => asset.id().into(),
        _ => ENDS.choose(rng).copied().into(),
    }
}

impl Walk {
    /// The parameters of the page behind one that was asked for with `params`; none where nothing says where it begins.
    pub fn next(self, params: &Map<String, Value>, answer: &Value) -> Option<Map<String, Value>> {
        let (name, value) = match self {
            Self::Once => return None,
            Self::Page => {
                last_id(answer)?;
                ("page", (params.get("page")?.as_u64()? + 1).into())
            }
            Self::Cursor | Self::Changes => {
                ("cursor", answer.pointer("/result/cursor").filter(|cursor| cursor.is_string())?.clone())
            }
            Self::Bound(name) => (name, last_id(answer)?),
        };
        let mut next = params.clone();
        next.insert(name.to_owned(), value);
        Some(next)
    }
}

/// By what the last item of a page is known; an item without an id says no more than that it is there.
fn last_id(answer: &Value) -> Option<Value> {
    let result = answer.get("result")?;
    let items = ["items", "token_accounts", "editions"].iter().find_map(|name| result[*name].as_array())?;
    let last = items.last()?;
    Some(["id", "address"].iter().find_map(|name| last.get(*name)).unwrap_or(&Value::Null).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(walk: Walk, params: Value, answer: &Value) -> Option<Value> {
        let Value::Object(params) = params else { return None };
        walk.next(&params, answer).map(Value::Object)
    }

    #[test]
    fn a_page_leads_to_the_next() {
        let page = json!({ "result": { "items": [{ "id": "a" }, { "id": "b" }], "cursor": "c" } });
        assert_eq!(next(Walk::Once, json!({}), &page), None);
        assert_eq!(next(Walk::Page, json!({ "page": 2 }), &page), Some(json!({ "page": 3 })));
        assert_eq!(
            next(Walk::Cursor, json!({ "limit": 2 }), &page),
            Some(json!({ "limit": 2, "cursor": "c" }))
        );
        let bounds = json!({ "after": "x", "before": "z" });
        assert_eq!(next(Walk::Bound("after"), bounds, &page), Some(json!({ "after": "b", "before": "z" })));
        let accounts = json!({ "result": { "token_accounts": [{ "address": "t" }], "cursor": null } });
        assert_eq!(next(Walk::Bound("before"), json!({}), &accounts), Some(json!({ "before": "t" })));
        assert_eq!(next(Walk::Cursor, json!({}), &accounts), None);
        let signatures = json!({ "result": { "items": [["s", "Burn"]] } });
        assert_eq!(next(Walk::Page, json!({ "page": 1 }), &signatures), Some(json!({ "page": 2 })));
    }

    #[test]
    fn behind_the_last_page_there_is_none() {
        for answer in [json!({ "result": { "items": [] } }), json!({ "error": { "code": -32602 } })] {
            for walk in [Walk::Once, Walk::Page, Walk::Cursor, Walk::Bound("after")] {
                assert_eq!(next(walk, json!({ "page": 1 }), &answer), None, "{walk:?}");
            }
        }
    }
}
