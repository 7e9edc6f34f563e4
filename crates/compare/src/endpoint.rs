//! A server of DAS that answers questions.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde_json::{Map, Value, json};
use url::Url;

/// How often a server is asked again that says it is asked too often, or that it cannot answer now.
const RETRIES: u32 = 5;

/// The longest that is waited before asking again, whatever the server says.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What servers say to a method that they do not know (JSON-RPC 2.0, section 5.1).
pub(crate) const UNKNOWN_METHOD: i64 = -32601;

/// A server of DAS.
#[derive(Debug, Clone)]
pub struct Endpoint {
    http: reqwest::Client,
    url: Url,
}

/// Why a server gave no answer. None of them shows the URL, which may hold a key.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No client of HTTP can be made here.
    #[error("no client of HTTP: {0}")]
    Client(reqwest::Error),
    /// Nobody answers, or not to the end, or not in time.
    #[error("no answer: {0}")]
    Transport(reqwest::Error),
    /// The key is not good.
    #[error("the key is refused: HTTP {0}")]
    Refused(StatusCode),
    /// It goes on saying that it is asked too often, or that it cannot answer now.
    #[error("no answer after {RETRIES} more tries: HTTP {0}")]
    Busy(StatusCode),
    /// The answer is longer than what is read of one.
    #[error("an answer of more than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
    /// The answer is not of JSON-RPC.
    #[error("HTTP {0} without an answer of JSON-RPC")]
    NoJsonRpc(StatusCode),
}

impl Endpoint {
    /// A server at a URL; a key is put into its query as `api-key`. `timeout` bounds each request.
    pub fn new(mut url: Url, key: Option<&str>, timeout: Duration) -> Result<Self, AskError> {
        if let Some(key) = key {
            url.query_pairs_mut().append_pair("api-key", key);
        }
        // Fails where another part of the process has chosen one already: that one does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(timeout)
            // The URL may hold a key: it goes to nobody else.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .build()
            .map_err(AskError::Client)?;
        Ok(Self { http, url })
    }

    /// Asks, and answers with an object of either `result` or `error`.
    pub(crate) async fn ask(&self, method: &str, params: &Map<String, Value>) -> Result<Value, AskError> {
        let body =
            json!({ "jsonrpc": "2.0", "id": "compare", "method": method, "params": params }).to_string();
        let mut tries = 0;
        let response = loop {
            let request = self.http.post(self.url.clone()).header("content-type", "application/json");
            let response = request.body(body.clone()).send().await.map_err(transport)?;
            match response.status() {
                status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                    tries += 1;
                    if tries > RETRIES {
                        return Err(AskError::Busy(status));
                    }
                    tokio::time::sleep(wait(&response)).await;
                }
                _ => break response,
            }
        };
        let status = response.status();
        let text = read(response).await?;
        if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) && !is_unknown_method(&text) {
            return Err(AskError::Refused(status));
        }
        let mut answer: Value = serde_json::from_slice(&text).map_err(|_| AskError::NoJsonRpc(status))?;
        for name in ["error", "result"] {
            if let Some(value) = answer.get_mut(name)
                && (name == "result" || !value.is_null())
            {
                return Ok(json!({ name: value.take() }));
            }
        }
        Err(AskError::NoJsonRpc(status))
    }
}

/// Whether an answer says that there is no such method: some servers say so as they say that a key may not.
fn is_unknown_method(text: &[u8]) -> bool {
    let answer: Option<Value> = serde_json::from_slice(text).ok();
    answer.is_some_and(|answer| answer.pointer("/error/code").and_then(Value::as_i64) == Some(UNKNOWN_METHOD))
}

/// As long as the server says, else a second.
fn wait(response: &Response) -> Duration {
    let said = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    said.map_or(Duration::from_secs(1), Duration::from_secs).min(WAIT_MAX)
}

async fn read(mut response: Response) -> Result<Vec<u8>, AskError> {
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        text.extend_from_slice(&chunk);
        if text.len() > ANSWER_BYTES_MAX {
            return Err(AskError::TooLarge);
        }
    }
    Ok(text)
}

fn transport(error: reqwest::Error) -> AskError {
    AskError::Transport(error.without_url())
}
