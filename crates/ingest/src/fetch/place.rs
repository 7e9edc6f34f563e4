//! Where a uri of an asset points: to places on the Web, one after the other, or into itself.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::percent_decode;
use url::{Host, Url};

use super::client::Failure;

/// What stands before a `data:` uri's document.
const DATA: &str = "data:";

/// Hosts that serve what Arweave holds under the path that every gateway has.
const ARWEAVE_HOSTS: [&str; 2] = ["arweave.net", "www.arweave.net"];

/// Gateways, by what they lead to. What is behind the scheme is appended to each.
#[derive(Debug, Clone, Default)]
pub(super) struct Gateways {
    pub(super) ipfs: Vec<String>,
    pub(super) arweave: Vec<String>,
}

/// Where a document is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the Web: at the first of these, else at the next.
    Web(Vec<Url>),
    /// In the uri itself.
    Here(Vec<u8>),
}

impl Gateways {
    /// Where to look at the `attempt`th time, from 1 on: the uri's own place first, then one gateway after the other; each time
    /// begins with another one.
    pub(super) fn place(&self, uri: &str, attempt: u32) -> Result<Place, Failure> {
        let uri = uri.trim();
        if let Some(data) = after(uri, DATA) {
            return decode(data).map(Place::Here);
        }
        let mut places: Vec<String> = Vec::new();
        if let Some(path) = after(uri, "ipfs://") {
            // `ipfs://ipfs/CID` is a mistake that many assets have in common.
            let path = path.strip_prefix("ipfs/").unwrap_or(path);
            places.extend(through(&self.ipfs, path));
        } else if let Some(path) = after(uri, "ar://") {
            places.extend(through(&self.arweave, path));
        } else {
            let url = Url::parse(uri).map_err(|_| Failure::Uri("it is no uri"))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(Failure::Uri("its scheme is not one that is fetched"));
            }
            places.push(url.to_string());
            places.extend(self.others(&url));
            let own = places[0].clone();
            let mut first = true;
            places.retain(|place| std::mem::take(&mut first) || *place != own);
        }
        if places.is_empty() {
            return Err(Failure::Uri("no gateway is configured for it"));
        }
        let first = attempt.saturating_sub(1) as usize % places.len();
        places.rotate_left(first);
        let urls: Result<_, _> = places.iter().map(|place| Url::parse(place)).collect();
        urls.map(Place::Web).map_err(|_| Failure::Uri("it is no uri"))
    }

    /// The gateways for what a uri of the Web has from a gateway.
    fn others(&self, url: &Url) -> Vec<String> {
        let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
        if let Some(path) = url.path().strip_prefix("/ipfs/") {
            return through(&self.ipfs, &format!("{path}{query}")).collect();
        }
        let Some(Host::Domain(host)) = url.host() else { return Vec::new() };
        if let Some((cid, _)) = host.split_once(".ipfs.") {
            return through(&self.ipfs, &format!("{cid}{}{query}", url.path())).collect();
        }
        if ARWEAVE_HOSTS.contains(&host) {
            let path = url.path().trim_start_matches('/');
            return through(&self.arweave, &format!("{path}{query}")).collect();
        }
        Vec::new()
    }
}

/// A path behind each gateway. What looks like a fragment is a part of a name: fragments are never sent.
fn through(gateways: &[String], path: &str) -> impl Iterator<Item = String> {
    let path = path.replace('#', "%23");
    gateways.iter().map(move |gateway| format!("{gateway}{path}"))
}

/// What stands behind a prefix, which may be in any case.
fn after<'a>(uri: &'a str, prefix: &str) -> Option<&'a str> {
    uri.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix)).map(|_| &uri[prefix.len()..])
}

/// The bytes of a `data:` uri (RFC 2397). A `#` is taken as data: uris on the chain hold plain JSON with colours in it.
fn decode(data: &str) -> Result<Vec<u8>, Failure> {
    let (kind, data) = data.split_once(',').ok_or(Failure::Uri("it is a data: uri without a comma"))?;
    let bytes: Vec<u8> = percent_decode(data.as_bytes()).collect();
    let base64 = kind.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
    if !base64 {
        return Ok(bytes);
    }
    let bytes: Vec<u8> = bytes.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD
        .decode(&bytes)
        .or_else(|_| STANDARD_NO_PAD.decode(&bytes))
        .map_err(|_| Failure::Uri("it is a data: uri whose base64 is broken"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn gateways() -> Gateways {
        let list = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
        Gateways {
            ipfs: list(["https://ipfs.io/ipfs/", "https://b.example/ipfs/"]),
            arweave: list(["https://arweave.net/", "https://ar.example/"]),
        }
    }

    fn places(uri: &str) -> Vec<String> {
        let place = |attempt| match gateways().place(uri, attempt) {
            Ok(Place::Web(urls)) => urls[0].to_string(),
            other => panic!("{uri}: {other:?}"),
        };
        (1..=4).map(place).collect()
    }

    #[test]
    fn all_places_are_named_each_time() {
        let Ok(Place::Web(urls)) = gateways().place("https://c.example/ipfs/QmX", 2) else {
            panic!("no places")
        };
        let urls: Vec<&str> = urls.iter().map(Url::as_str).collect();
        let expected =
            ["https://ipfs.io/ipfs/QmX", "https://b.example/ipfs/QmX", "https://c.example/ipfs/QmX"];
        assert_eq!(urls, expected);
    }

    #[test]
    fn gateways_take_turns_behind_the_uris_own_place() {
        let (a, b) = ("https://ipfs.io/ipfs/QmX/1.json", "https://b.example/ipfs/QmX/1.json");
        assert_eq!(places("ipfs://QmX/1.json"), [a, b, a, b]);
        assert_eq!(places(" IPFS://ipfs/QmX/1.json\n"), [a, b, a, b]);
        assert_eq!(places(a), [a, b, a, b]);
        assert_eq!(places("ipfs://QmX/#1?.json")[0], "https://ipfs.io/ipfs/QmX/%231?.json");
        let (own, ar) = ("https://arweave.net/tx?ext=json", "https://ar.example/tx?ext=json");
        assert_eq!(places(own), [own, ar, own, ar]);
        assert_eq!(places("ar://tx/0"), places("ar://tx/0"));
        assert_eq!(places("ar://tx/0")[..2], ["https://arweave.net/tx/0", "https://ar.example/tx/0"]);
        let own = "https://other.example/ipfs/QmX/1.json";
        assert_eq!(places(own), [own, a, b, own]);
        let own = "https://bafy.ipfs.nftstorage.link/1.json";
        assert_eq!(places(own)[1], "https://ipfs.io/ipfs/bafy/1.json");
        let own = "https://example.org/a.json#x";
        assert_eq!(places(own), [own; 4]);
    }

    #[test]
    fn what_cannot_be_fetched_is_told() {
        for uri in ["", "metadata.json", "ftp://example.org/a", "file:///etc/passwd", "ipf"] {
            assert!(matches!(gateways().place(uri, 1), Err(Failure::Uri(_))), "{uri}");
        }
        let none = Gateways::default();
        assert_eq!(none.place("ipfs://QmX", 1), Err(Failure::Uri("no gateway is configured for it")));
        assert!(none.place("https://example.org/ipfs/QmX", 2).is_ok());
    }

    #[test]
    fn data_uris_hold_their_document() {
        let decoded = |uri: &str| match gateways().place(uri, 1) {
            Ok(Place::Here(bytes)) => Some(String::from_utf8(bytes).unwrap()),
            _ => None,
        };
        let expected = Some("{\"a\":\"#\"}".to_owned());
        assert_eq!(decoded("data:application/json,{\"a\":\"#\"}"), expected);
        assert_eq!(decoded("DATA:,%7B%22a%22%3A%22%23%22%7D"), expected);
        assert_eq!(decoded("data:application/json;charset=utf-8;base64,eyJhIjoiIyJ9"), expected);
        assert_eq!(decoded("data:;BASE64,eyJhI%0AjoiIyJ9"), expected);
        assert_eq!(decoded("data:;base64,e30"), Some("{}".to_owned()));
        assert_eq!(decoded("data:;base64,e30="), Some("{}".to_owned()));
        assert_eq!(decoded("data:;base64,!"), None);
        assert_eq!(decoded("data:application/json"), None);
    }
}
