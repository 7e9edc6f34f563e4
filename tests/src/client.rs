//! A client: JSON-RPC over HTTP, and keys to call with.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use vitrine_rpc::ApiKey;
use vitrine_store::{NewKey, Store};

/// Calls one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: BTreeMap<String, String>,
    pub text: String,
}

impl Client {
    pub fn new(base: &str) -> Self {
        // No TLS is spoken here; a client of reqwest is not to be had without somebody who could.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: reqwest::Client::new(), base: base.to_owned() }
    }

    /// Any request.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &BTreeMap<String, String>,
        body: Option<String>,
    ) -> reqwest::Result<Reply> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers
                .entry(name.to_string())
                .and_modify(|all| *all = format!("{all}, {value}"))
                .or_insert(value);
        }
        Ok(Reply { status, headers, text: response.text().await? })
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &BTreeMap::new(), None).await.unwrap()
    }

    /// A POST of text.
    pub async fn post(&self, path: &str, body: impl Into<String>) -> Reply {
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        self.send("POST", path, &headers, Some(body.into())).await.unwrap()
    }

    /// A call in the Helius dialect.
    pub async fn call(&self, key: &str, method: &str, params: Value) -> Reply {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.post(&format!("/?api-key={key}"), body.to_string()).await
    }

    /// The result of a call that must have one.
    pub async fn result(&self, key: &str, method: &str, params: Value) -> Value {
        let reply = self.call(key, method, params.clone()).await;
        let mut body = reply.json();
        assert!(body.get("result").is_some(), "{method} {params}: {} {}", reply.status, reply.text);
        body["result"].take()
    }
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }
}

/// Makes a key and returns its text and id.
pub async fn make_key(store: &Store, tier: &str, expires_at: Option<OffsetDateTime>) -> (String, i64) {
    let key = ApiKey::generate(&mut StdRng::from_os_rng());
    let new = NewKey {
        digest: key.digest(),
        prefix: key.prefix(),
        tier,
        name: "test",
        created_at: OffsetDateTime::now_utc(),
        expires_at,
    };
    let key_id = store.create_key(&new).await.unwrap();
    (key.text().to_owned(), key_id)
}
