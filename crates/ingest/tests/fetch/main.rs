//! One fetch against a server that does everything wrong that a server can.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod site;

use std::time::{Duration, Instant};

use site::Site;
use vitrine_ingest::fetch::{Client, DocumentSettings, Failure};

const BYTES_MAX: usize = 10_000;

fn settings() -> DocumentSettings {
    DocumentSettings {
        document_bytes_max: BYTES_MAX,
        // No machine is as slow: what ends by its time alone has less.
        fetch_timeout_ms: 600_000,
        redirects_max: 3,
        private_hosts: vec!["127.0.0.1".to_owned()],
        ..DocumentSettings::default()
    }
}

async fn fetch(uri: &str) -> Result<String, Failure> {
    Client::new(&settings()).unwrap().fetch(uri, 1).await.map(|json| json.to_string())
}

#[tokio::test]
async fn a_document_comes_whatever_it_is_called() {
    let site = Site::open().await;
    assert_eq!(fetch(&site.uri("/as-html")).await, Ok("{\"a\":1}".to_owned()));
    assert_eq!(fetch(&site.uri("/gzip")).await, Ok("{\"a\":1}".to_owned()));
    assert_eq!(fetch(&site.uri("/chunked")).await, Ok("{\"a\":1}".to_owned()));
    assert_eq!(fetch(&site.uri("/nul")).await, Ok("{\"a\":\"\\u0000\"}".to_owned()));
    assert_eq!(fetch("data:application/json,{\"a\": 1}").await, Ok("{\"a\":1}".to_owned()));
}

#[tokio::test]
async fn what_is_no_document_is_refused() {
    let site = Site::open().await;
    assert!(matches!(fetch(&site.uri("/html")).await, Err(Failure::NotJson(_))));
    assert!(matches!(fetch(&site.uri("/empty")).await, Err(Failure::NotJson(_))));
    assert!(matches!(fetch(&site.uri("/deep")).await, Err(Failure::NotJson(_))));
    assert_eq!(fetch(&site.uri("/array")).await, Err(Failure::NotObject));
    assert_eq!(fetch(&site.uri("/latin")).await, Err(Failure::NotUtf8));
    assert_eq!(fetch(&site.uri("/brotli")).await, Err(Failure::Encoding));
    assert_eq!(fetch(&site.uri("/broken-gzip")).await, Err(Failure::Encoding));
    assert!(matches!(fetch("ftp://127.0.0.1/a").await, Err(Failure::Uri(_))));
}

#[tokio::test]
async fn lengths_are_not_believed() {
    let site = Site::open().await;
    let too_large = Err(Failure::TooLarge(BYTES_MAX));
    assert_eq!(fetch(&site.uri("/huge")).await, too_large);
    assert_eq!(fetch(&site.uri("/endless")).await, too_large);
    assert_eq!(fetch(&site.uri("/bomb")).await, too_large);
    assert_eq!(fetch(&format!("data:,{{\"a\":\"{}\"}}", "a".repeat(BYTES_MAX))).await, too_large);
    // It says five bytes and sends more: what is behind them is not of this answer.
    assert!(matches!(fetch(&site.uri("/short-length")).await, Err(Failure::NotJson(_))));
    assert_eq!(fetch(&site.uri("/long-length")).await, Err(Failure::Broken));
    assert_eq!(fetch(&site.uri("/cut")).await, Err(Failure::Broken));
    assert_eq!(fetch(&site.uri("/no-answer")).await, Err(Failure::Broken));
    assert_eq!(fetch(&site.uri("/not-http")).await, Err(Failure::Broken));
    assert_eq!(fetch(&site.uri("/endless-head")).await, Err(Failure::Broken));
}

#[tokio::test]
async fn time_is_bounded_as_a_whole() {
    let site = Site::open().await;
    let time = Duration::from_millis(400);
    let client = Client::new(&DocumentSettings { fetch_timeout_ms: 400, ..settings() }).unwrap();
    for path in ["/silent", "/drip", "/slow-redirects"] {
        let started = Instant::now();
        assert_eq!(client.fetch(&site.uri(path), 1).await.err(), Some(Failure::Timeout(time)), "{path}");
        assert!(started.elapsed() >= time, "{path}");
    }
}

#[tokio::test]
async fn redirects_are_followed_so_far() {
    let site = Site::open().await;
    assert_eq!(fetch(&site.uri("/redirect/3")).await, Ok("{\"a\":1}".to_owned()));
    assert_eq!(fetch(&site.uri("/redirect/4")).await, Err(Failure::Redirects(3)));
    assert_eq!(fetch(&site.uri("/loop")).await, Err(Failure::Redirects(3)));
    assert_eq!(fetch(&site.uri("/to?file:///etc/passwd")).await, Err(Failure::Location));
    assert_eq!(fetch(&site.uri("/to?data:,{}")).await, Err(Failure::Location));
    assert_eq!(fetch(&site.uri("/nowhere")).await, Err(Failure::Location));
}

#[tokio::test]
async fn nothing_leads_into_our_own_network() {
    let site = Site::open().await;
    let port = site.port();
    // However an address is written: the parts of it in any base, fewer of them, in full width, with a dot behind, IPv4 inside
    // of IPv6, NAT64, and those that mean "here".
    let inside = [
        format!("http://[::1]:{port}/as-html"),
        format!("http://[::]:{port}/as-html"),
        format!("http://[::ffff:127.0.0.1]:{port}/as-html"),
        format!("http://[::ffff:7f00:1]:{port}/as-html"),
        format!("http://[::127.0.0.1]:{port}/as-html"),
        format!("http://0.0.0.0:{port}/as-html"),
        format!("http://0:{port}/as-html"),
        format!("http://127.0.0.2:{port}/as-html"),
        format!("http://127.2:{port}/as-html"),
        format!("http://127.0.0.2.:{port}/as-html"),
        format!("http://0177.0.0.2:{port}/as-html"),
        format!("http://0x7f.0.0.2:{port}/as-html"),
        format!("http://0x7f000002:{port}/as-html"),
        format!("http://2130706434:{port}/as-html"),
        format!("http://%31%32%37.0.0.2:{port}/as-html"),
        format!("http://user@127.0.0.2:{port}/as-html"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "http://[64:ff9b::7f00:1]/".to_owned(),
        "http://[fe80::1]/".to_owned(),
        "http://[fd00::1]/".to_owned(),
    ];
    for uri in inside {
        assert_eq!(fetch(&uri).await, Err(Failure::Refused), "{uri}");
        let to = site.uri(&format!("/to?{uri}"));
        assert_eq!(fetch(&to).await, Err(Failure::RefusedRedirect), "redirected to {uri}");
    }
    // Letters and digits of full width are those of the usual one; a name is looked at where it is resolved.
    assert_eq!(fetch(&format!("http://１２７.0.0.2:{port}/as-html")).await, Err(Failure::Refused));
    for name in ["localhost", "LOCALHOST"] {
        let uri = format!("http://{name}:{port}/as-html");
        assert_eq!(fetch(&uri).await, Err(Failure::RefusedName), "{uri}");
        assert_eq!(fetch(&site.uri(&format!("/to?{uri}"))).await, Err(Failure::RefusedName), "{uri}");
    }
    // The server was asked for redirects alone.
    assert!(site.asked().iter().all(|path| path.starts_with("/to?")));
}

#[tokio::test]
async fn answers_that_are_no_documents_say_when_to_come_back() {
    let site = Site::open().await;
    let status = |status, seconds: Option<u64>| {
        Err(Failure::Status { status, retry_after: seconds.map(Duration::from_secs) })
    };
    assert_eq!(fetch(&site.uri("/status/404")).await, status(404, None));
    assert_eq!(fetch(&site.uri("/status/500")).await, status(500, None));
    assert_eq!(fetch(&site.uri("/status/204")).await, status(204, None));
    assert_eq!(fetch(&site.uri("/status/429?7")).await, status(429, Some(7)));
    assert_eq!(fetch(&site.uri("/status/503?soon")).await, status(503, None));
    let closed = site.uri("/").replace(&site.port().to_string(), &Site::closed_port().to_string());
    assert_eq!(fetch(&closed).await, Err(Failure::Connect));
}

#[tokio::test]
async fn gateways_are_asked_one_behind_the_other_and_take_turns() {
    let site = Site::open().await;
    let gateways = vec![site.uri("/status/404?"), site.uri("/ipfs/"), site.uri("/status/500?")];
    let client = Client::new(&DocumentSettings { ipfs_gateways: gateways, ..settings() }).unwrap();
    for (attempt, asked) in [
        (1, vec!["/status/404?cid", "/ipfs/cid"]),
        (2, vec!["/ipfs/cid"]),
        (3, vec!["/status/500?cid", "/status/404?cid", "/ipfs/cid"]),
    ] {
        let before = site.asked().len();
        assert_eq!(client.fetch("ipfs://cid", attempt).await.unwrap().as_str(), "{\"a\":1}");
        assert_eq!(site.asked()[before..], asked);
    }
}

#[tokio::test]
async fn a_gateway_that_has_enough_keeps_none_from_the_next_one() {
    let site = Site::open().await;
    let gateways = vec![site.uri("/status/429?30&"), site.other_uri("/ipfs/")];
    let private_hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let settings = DocumentSettings { ipfs_gateways: gateways, private_hosts, ..settings() };
    let client = Client::new(&settings).unwrap();
    for uri in ["ipfs://one", "ipfs://two"] {
        assert_eq!(client.fetch(uri, 1).await.unwrap().as_str(), "{\"a\":1}");
    }
    assert_eq!(site.asked(), ["/status/429?30&one", "/ipfs/one", "/ipfs/two"]);
    // It is left alone whoever leads to it: another uri, or a redirect.
    let busy = |result: Result<_, _>| assert!(matches!(result, Err(Failure::Busy { .. })), "{result:?}");
    busy(client.fetch(&site.uri("/as-html"), 1).await.map(drop));
    busy(client.fetch(&site.other_uri(&format!("/to?{}", site.uri("/as-html"))), 1).await.map(drop));
    assert_eq!(site.asked().last().unwrap(), &format!("/to?{}", site.uri("/as-html")));
}

#[tokio::test]
async fn a_host_is_counted_whatever_leads_to_it() {
    let site = Site::open().await;
    let private_hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let settings = DocumentSettings { private_hosts, fetches_per_host_max: 2, ..settings() };
    let client = Client::new(&settings).unwrap();
    let held = site.uri("/held");
    let uris = [held.clone(), site.other_uri(&format!("/to?{held}"))];
    let fetches: Vec<_> = (0..10)
        .map(|number| {
            let (client, uri) = (client.clone(), uris[number % 2].clone());
            tokio::spawn(async move { client.fetch(&uri, 1).await.map(drop) })
        })
        .collect();
    // Two are there, and all redirects have been given: the others wait for their turn, or come at once if they do not.
    site.until_asked("/to?", 5).await;
    site.until_asked("/held", 2).await;
    client.fetch(&site.other_uri("/as-html"), 1).await.unwrap();
    site.release();
    for fetch in fetches {
        assert_eq!(fetch.await.unwrap(), Ok(()));
    }
    assert_eq!(site.held_at_once(), 2);
}

#[tokio::test]
async fn who_waits_for_others_has_not_failed() {
    let site = Site::open().await;
    let settings = DocumentSettings { fetches_per_host_max: 1, fetch_timeout_ms: 300, ..settings() };
    let client = Client::new(&settings).unwrap();
    let (first, uri) = (client.clone(), site.uri("/silent"));
    let first = tokio::spawn(async move { first.fetch(&uri, 1).await.map(drop) });
    site.until_asked("/silent", 1).await;
    // Its time ends while the first one has its own, or just behind it.
    let second = client.fetch(&site.uri("/silent"), 1).await.map(drop);
    assert!(matches!(second, Err(Failure::Busy { .. } | Failure::Timeout(_))), "{second:?}");
    assert_eq!(first.await.unwrap(), Err(Failure::Timeout(Duration::from_millis(300))));
}

#[tokio::test]
async fn a_document_shows_no_more_than_it_may_be_large() {
    let files = |number: usize| {
        let files: Vec<String> = (0..number).map(|file| format!("\"{file:x}\"")).collect();
        format!("data:,{{\"properties\":{{\"files\":[{}]}}}}", files.join(","))
    };
    // Each is a few bytes, and an object with a uri and a type where it is shown.
    assert!(fetch(&files(50)).await.is_ok());
    assert_eq!(fetch(&files(1_000)).await, Err(Failure::ShowsTooMuch(BYTES_MAX)));
}
