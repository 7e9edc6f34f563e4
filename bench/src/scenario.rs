//! What is measured again and again: a table of pages.

use std::fmt;

use crate::data::{FIRST_SMALL, Kind, key};
use crate::lists::Sort;
use crate::load::PLACE;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// The product as it is by default.
    Cached,
    /// The product with its caches, but for pages: bodies and places are kept, and the keys of each page are read.
    Keyed,
    /// The product without any cache.
    Plain,
    /// Postgres alone, through pgbench.
    Postgres,
    /// An empty handler that sends as many bytes.
    Empty,
}

impl Lane {
    /// Everybody, the product first.
    pub(crate) const ALL: [Self; 5] = [Self::Cached, Self::Keyed, Self::Plain, Self::Postgres, Self::Empty];
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cached => "caches on",
            Self::Keyed => "keys read",
            Self::Plain => "caches off",
            Self::Postgres => "Postgres alone",
            Self::Empty => "empty handler",
        })
    }
}

/// Which list of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Listed {
    /// Half of all assets.
    Large,
    /// A tenth.
    Tenth,
    /// A hundredth.
    Hundredth,
    /// Another one of 100 members each time.
    Small,
}

/// How far down a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The first page.
    First,
    /// The page in the middle.
    Middle,
    /// The last page, a full one.
    Last,
}

/// How a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By cursor; the first page by nothing at all.
    Cursor,
    /// By its number.
    Number,
    /// By the id before it, descending.
    Before,
    /// By the id before it, ascending.
    After,
}

/// A page that is asked for again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scenario {
    /// Group or authority.
    pub(crate) kind: Kind,
    /// Which of them.
    pub(crate) listed: Listed,
    /// How the page is asked for.
    pub(crate) mode: Mode,
    /// How far down it is.
    pub(crate) depth: Depth,
    /// Items of a page.
    pub(crate) limit: usize,
    /// The order, descending but for [`Mode::After`].
    pub(crate) sort: Sort,
    /// Whether the number of all members is asked for.
    pub(crate) grand_total: bool,
    /// `accept-encoding`.
    pub(crate) encoding: Option<&'static str>,
    /// Connections of the closed loop.
    pub(crate) connections: usize,
    /// Who answers.
    pub(crate) lanes: &'static [Lane],
}

const ALL: &[Lane] = &Lane::ALL;
/// The product, with caches and without.
pub(crate) const SERVERS: &[Lane] = &[Lane::Cached, Lane::Plain];
/// The product where it reads the keys of a page each time: what a page costs by where it lies and how it is sorted.
pub(crate) const READERS: &[Lane] = &[Lane::Keyed, Lane::Plain];
const BESIDE_POSTGRES: &[Lane] = &[Lane::Cached, Lane::Plain, Lane::Postgres];
/// The same and Postgres alone.
pub(crate) const READERS_BESIDE_POSTGRES: &[Lane] = &[Lane::Keyed, Lane::Plain, Lane::Postgres];
const BESIDE_EMPTY: &[Lane] = &[Lane::Cached, Lane::Plain, Lane::Empty];

/// Items of a page, of all kinds that are measured.
pub(crate) const LIMITS: [usize; 3] = [10, 100, 1000];

/// How many small lists take turns.
pub(crate) const SMALL_LISTS: u64 = 64;

impl Scenario {
    /// The first page of the large list of a kind.
    pub(crate) const fn first(kind: Kind, limit: usize, connections: usize, lanes: &'static [Lane]) -> Self {
        Self {
            kind,
            listed: Listed::Large,
            mode: Mode::Cursor,
            depth: Depth::First,
            limit,
            sort: Sort::Id,
            grand_total: false,
            encoding: None,
            connections,
            lanes,
        }
    }

    /// All of them.
    pub(crate) fn table() -> Vec<Self> {
        use Kind::{Authority, Group};
        let mut table = Vec::new();
        for limit in LIMITS {
            for connections in [1, 16] {
                table.push(Self::first(Group, limit, connections, ALL));
                table.push(Self::first(Authority, limit, connections, BESIDE_POSTGRES));
            }
        }
        for limit in LIMITS {
            table.extend(Self::places(Group, limit));
            table.extend(Self::orders(limit));
        }
        table.extend(Self::places(Authority, 100));
        for limit in [10, 100] {
            table.push(Self { grand_total: true, ..Self::first(Group, limit, 1, READERS) });
        }
        let first = Self::first(Group, 1000, 16, BESIDE_POSTGRES);
        table.push(Self { listed: Listed::Tenth, ..first.clone() });
        table.push(Self { kind: Authority, listed: Listed::Hundredth, ..first.clone() });
        table.push(Self { listed: Listed::Small, ..first.clone() });
        for encoding in ["gzip", "zstd"] {
            for connections in [1, 16] {
                table.push(Self {
                    encoding: Some(encoding),
                    connections,
                    lanes: BESIDE_EMPTY,
                    ..first.clone()
                });
            }
            table.push(Self { encoding: Some(encoding), limit: 100, lanes: SERVERS, ..first.clone() });
        }
        table
    }

    /// Pages deep down the large list of a kind; by number also the first one.
    fn places(kind: Kind, limit: usize) -> Vec<Self> {
        let first = Self::first(kind, limit, 1, READERS);
        let mut pages = Vec::new();
        for mode in [Mode::Cursor, Mode::Number, Mode::Before, Mode::After] {
            if mode == Mode::Number {
                pages.push(Self { mode, ..first.clone() });
            }
            pages.extend([Depth::Middle, Depth::Last].map(|depth| Self { mode, depth, ..first.clone() }));
        }
        pages
    }

    /// Pages of the large group in other orders than by id.
    fn orders(limit: usize) -> impl Iterator<Item = Self> {
        [Sort::Created, Sort::Updated].into_iter().flat_map(move |sort| {
            let first = Self { sort, ..Self::first(Kind::Group, limit, 1, READERS) };
            [Self { lanes: READERS_BESIDE_POSTGRES, ..first.clone() }, Self { depth: Depth::Middle, ..first }]
        })
    }

    /// The name without the number of connections.
    pub(crate) fn page(&self) -> String {
        let kind = match self.kind {
            Kind::Group => "group",
            Kind::Authority => "authority",
        };
        let listed = match self.listed {
            Listed::Large => "large",
            Listed::Tenth => "tenth",
            Listed::Hundredth => "hundredth",
            Listed::Small => "small",
        };
        let depth = match self.depth {
            Depth::First => "first",
            Depth::Middle => "middle",
            Depth::Last => "last",
        };
        let mode = match self.mode {
            Mode::Cursor if self.depth == Depth::First => "",
            Mode::Cursor => "-by-cursor",
            Mode::Number => "-by-number",
            Mode::Before => "-by-before",
            Mode::After => "-by-after",
        };
        let sort = match self.sort {
            Sort::Id => "",
            Sort::Created => "/created",
            Sort::Updated => "/updated",
        };
        let total = if self.grand_total { "/grand-total" } else { "" };
        let encoding = self.encoding.map_or_else(String::new, |name| format!("/{name}"));
        format!("{kind}/{listed}/{depth}{mode}/{}{sort}{total}{encoding}", self.limit)
    }

    /// The name.
    pub(crate) fn name(&self) -> String {
        format!("{}/x{}", self.page(), self.connections)
    }

    /// The numbers of the lists that it asks for; `small` is how many full small ones there are.
    pub(crate) fn numbers(&self, small: u64) -> Vec<u64> {
        match self.listed {
            Listed::Large => vec![0],
            Listed::Tenth => vec![1],
            Listed::Hundredth => vec![4],
            // Spread over all of them.
            Listed::Small => (0..SMALL_LISTS.min(small))
                .map(|place| FIRST_SMALL + place * small / SMALL_LISTS.min(small))
                .collect(),
        }
    }
}

/// A request for a page of a list: its method and its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    kind: Kind,
    list: u64,
    limit: usize,
    more: String,
}

impl Request {
    /// The first page.
    pub(crate) fn new(kind: Kind, list: u64, limit: usize) -> Self {
        Self { kind, list, limit, more: String::new() }
    }

    /// In this order; by id, descending, nothing is said, as most clients do.
    pub(crate) fn sorted(self, sort: Sort, ascending: bool) -> Self {
        let name = match sort {
            Sort::Id if !ascending => return self,
            Sort::Id => "id",
            Sort::Created => "created",
            Sort::Updated => "updated",
        };
        let direction = if ascending { "asc" } else { "desc" };
        let value = format!(r#"{{"sortBy":"{name}","sortDirection":"{direction}"}}"#);
        self.with("sortBy", &value)
    }

    /// With a parameter whose value is JSON.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.more = format!(r#"{},"{name}":{value}"#, self.more);
        self
    }

    /// With a text that is put in place of [`PLACE`] later, in quotes or not.
    pub(crate) fn with_place(self, name: &str, quoted: bool) -> Self {
        let value = if quoted { format!("\"{PLACE}\"") } else { PLACE.to_owned() };
        self.with(name, &value)
    }

    /// The body of the call.
    pub(crate) fn body(&self) -> String {
        let (key, limit, more) = (key(self.kind, self.list), self.limit, &self.more);
        let (method, list) = match self.kind {
            Kind::Group => ("getAssetsByGroup", format!(r#""groupKey":"collection","groupValue":"{key}""#)),
            Kind::Authority => ("getAssetsByAuthority", format!(r#""authorityAddress":"{key}""#)),
        };
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{list},"limit":{limit}{more}}}}}"#)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        let table = Scenario::table();
        let names: HashSet<String> = table.iter().map(Scenario::name).collect();
        assert_eq!(names.len(), table.len());
        for name in [
            "group/large/first/1000/x16",
            "group/large/last-by-before/100/x1",
            "group/large/first/1000/gzip/x1",
        ] {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn requests_are_json() {
        let request = Request::new(Kind::Group, 0, 10).sorted(Sort::Created, false).with("page", "7");
        let request = request.with_place("cursor", true);
        let body: Value = serde_json::from_str(&request.body()).unwrap();
        assert_eq!(body["params"]["sortBy"]["sortBy"], "created");
        assert_eq!(
            (&body["params"]["page"], &body["params"]["cursor"]),
            (&Value::from(7), &Value::from(PLACE))
        );
        let body: Value = serde_json::from_str(&Request::new(Kind::Authority, 1, 10).body()).unwrap();
        assert_eq!(body["params"]["authorityAddress"], key(Kind::Authority, 1).to_string());
    }

    #[test]
    fn small_lists_are_spread() {
        let small = Scenario::table().into_iter().find(|scenario| scenario.listed == Listed::Small).unwrap();
        let numbers: HashSet<u64> = small.numbers(300).into_iter().collect();
        assert_eq!(numbers.len(), 64);
        assert!(numbers.iter().all(|number| (FIRST_SMALL..FIRST_SMALL + 300).contains(number)));
        assert_eq!(small.numbers(3), [12, 13, 14]);
    }
}
