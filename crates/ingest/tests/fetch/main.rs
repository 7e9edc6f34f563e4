//! One fetch against a server that does everything wrong that a server can.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod site;

use std::time::{Duration, Instant};

use site::Site;
use vitrine_ingest::fetch::{Client, DocumentSettings, Failure};

const BYTES_MAX: usize = 10_000;

const TIMEOUT: Duration = Duration::from_millis(400);

fn settings() -> DocumentSettings {
    DocumentSettings {
        document_bytes_max: BYTES_MAX,
        fetch_timeout_ms: u64::try_from(TIMEOUT.as_millis()).unwrap(),
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
    for path in ["/silent", "/drip", "/slow-redirects"] {
        let started = Instant::now();
        assert_eq!(fetch(&site.uri(path)).await, Err(Failure::Timeout(TIMEOUT)), "{path}");
        assert!(started.elapsed() >= TIMEOUT && started.elapsed() < TIMEOUT * 20, "{path}");
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
    let inside = [
        format!("http://localhost:{port}/as-html"),
        format!("http://[::1]:{port}/as-html"),
        format!("http://[::ffff:127.0.0.1]:{port}/as-html"),
        format!("http://127.0.0.2:{port}/as-html"),
        format!("http://2130706434:{port}/as-html"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "http://[64:ff9b::7f00:1]/".to_owned(),
    ];
    for uri in inside {
        assert_eq!(fetch(&uri).await, Err(Failure::Refused), "{uri}");
        let to = site.uri(&format!("/to?{uri}"));
        assert_eq!(fetch(&to).await, Err(Failure::Refused), "redirected to {uri}");
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
async fn gateways_take_turns() {
    let site = Site::open().await;
    let gateways = vec![site.uri("/status/404?"), site.uri("/ipfs/")];
    let settings = DocumentSettings { ipfs_gateways: gateways, ..settings() };
    let client = Client::new(&settings).unwrap();
    assert!(matches!(client.fetch("ipfs://cid", 1).await, Err(Failure::Status { status: 404, .. })));
    assert_eq!(client.fetch("ipfs://cid", 2).await.unwrap().as_str(), "{\"a\":1}");
    assert_eq!(site.asked(), ["/status/404?cid", "/ipfs/cid"]);
}
