//! Doors: which provider's dialect a request speaks, and with which credential. The only place that knows URLs.

use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

/// A provider whose clients a request comes from: it decides what errors look like and a few defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `/?api-key=`
    Helius,
    /// `/v3/{key}`
    Infura,
    /// `/sol`, `/v1/solana`, or a token in the headers of `/`
    Triport,
}

/// Who comes in, and how they speak.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Door {
    pub(crate) dialect: Dialect,
    /// The key's text, if any was shown. Never logged.
    pub(crate) credential: Option<String>,
}

/// The paths of [`Dialect::Triport`]; each may be followed by a key.
const TRIPORT_PATHS: [&str; 2] = ["/sol", "/v1/solana"];

impl Dialect {
    /// The dialect's name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Helius => "helius",
            Self::Infura => "infura",
            Self::Triport => "triport",
        }
    }
}

impl Door {
    /// The door behind a path, or `None` if there is none.
    ///
    /// An empty credential is no credential. On `/`, a token in the headers makes it Triport's.
    pub(crate) fn open(path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Self> {
        if path == "/" {
            return Some(match header_token(headers) {
                Some(token) => Self { dialect: Dialect::Triport, credential: Some(token) },
                None => Self { dialect: Dialect::Helius, credential: query_key(query) },
            });
        }
        if let Some(rest) = path.strip_prefix("/v3") {
            return Some(Self { dialect: Dialect::Infura, credential: decoded(path_key(rest)?) });
        }
        let rest = TRIPORT_PATHS.iter().find_map(|prefix| path.strip_prefix(prefix))?;
        let in_path = path_key(rest)?;
        let credential = header_token(headers).or_else(|| query_key(query)).or_else(|| decoded(in_path));
        Some(Self { dialect: Dialect::Triport, credential })
    }
}

/// The key in what follows a door's path: empty where there is none; `None` if it is another path altogether.
fn path_key(rest: &str) -> Option<&str> {
    if rest.is_empty() {
        return Some(rest);
    }
    let key = rest.strip_prefix('/')?;
    let key = key.strip_suffix('/').unwrap_or(key);
    (!key.contains('/')).then_some(key)
}

/// A bearer token, else an `x-token`.
fn header_token(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter().find_map(|value| {
        let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    let x_token =
        || headers.get("x-token").and_then(|value| value.to_str().ok()).map(|token| token.trim().to_owned());
    bearer.filter(|token| !token.is_empty()).or_else(|| x_token().filter(|token| !token.is_empty()))
}

/// The first `api-key` of a query that is not empty: some clients send it twice.
fn query_key(query: Option<&str>) -> Option<String> {
    query?.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if name == "api-key" { decoded(value) } else { None }
    })
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn open(
        path: &str,
        query: Option<&str>,
        headers: &[(&'static str, &'static str)],
    ) -> Option<(Dialect, Option<String>)> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Door::open(path, query, &headers).map(|door| (door.dialect, door.credential))
    }

    #[test]
    fn every_form_of_a_credential_and_their_order() {
        let some = |dialect, key: &str| Some((dialect, Some(key.to_owned())));
        let bearer = ("authorization", "Bearer B");
        let token = ("x-token", "X");
        assert_eq!(open("/", Some("api-key=Q"), &[]), some(Dialect::Helius, "Q"));
        assert_eq!(open("/", Some("rebate-address=R&api-key=Q&api-key=Z"), &[]), some(Dialect::Helius, "Q"));
        assert_eq!(open("/", Some("api-key=&api-key=Z"), &[]), some(Dialect::Helius, "Z"));
        assert_eq!(open("/", Some("api-key=%51"), &[]), some(Dialect::Helius, "Q"));
        assert_eq!(open("/", None, &[]), Some((Dialect::Helius, None)));
        assert_eq!(open("/", Some("api-key=Q"), &[bearer, token]), some(Dialect::Triport, "B"));
        assert_eq!(open("/", Some("api-key=Q"), &[token]), some(Dialect::Triport, "X"));
        assert_eq!(
            open("/", Some("api-key=Q"), &[("authorization", "Basic Og==")]),
            some(Dialect::Helius, "Q")
        );
        assert_eq!(open("/v3/K", Some("api-key=Q"), &[bearer]), some(Dialect::Infura, "K"));
        assert_eq!(open("/v3", None, &[]), Some((Dialect::Infura, None)));
        assert_eq!(open("/v3/", None, &[]), Some((Dialect::Infura, None)));
        for path in ["/sol/P", "/v1/solana/P"] {
            assert_eq!(open(path, Some("api-key=Q"), &[token, bearer]), some(Dialect::Triport, "B"));
            assert_eq!(open(path, Some("api-key=Q"), &[token]), some(Dialect::Triport, "X"));
            assert_eq!(open(path, Some("api-key=Q"), &[]), some(Dialect::Triport, "Q"));
            assert_eq!(open(path, None, &[]), some(Dialect::Triport, "P"));
        }
        assert_eq!(open("/sol", None, &[]), Some((Dialect::Triport, None)));
        assert_eq!(
            open("/sol", None, &[("x-token", ""), ("authorization", "bearer b")]),
            some(Dialect::Triport, "b")
        );
        for path in ["/v3x", "/v3/a/b", "/solx", "/sol/a/b", "/v2/K", "/v1"] {
            assert_eq!(open(path, None, &[]), None, "{path}");
        }
    }
}
