//! HTTP/1.1 by hand, for what a polite client would not send.

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::server::{PATIENCE, Server};

/// A connection.
pub struct Raw {
    stream: TcpStream,
    /// What has been read beyond the last answer.
    ahead: Vec<u8>,
}

/// An answer, whole; chunks are put together, encodings are left as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A POST with its exact length, and these further headers, each as `name: value`.
pub fn post(path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST {path} HTTP/1.1\r\nhost: vitrine.test\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    [request.as_bytes(), body].concat()
}

impl Raw {
    pub async fn connect(server: &Server) -> Self {
        let address = server.base.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, ahead: Vec::new() }
    }

    /// Sends bytes; an error says that the server has gone.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the server reads")
    }

    /// The next answer; `None` where the server closes the connection instead.
    pub async fn reply(&mut self) -> Option<RawReply> {
        timeout(PATIENCE, self.read_reply()).await.expect("the server answers or closes")
    }

    /// Says that nothing more will come.
    pub async fn finish(&mut self) {
        // Whoever has gone already needs not be told.
        let _ = self.stream.shutdown().await;
    }

    /// Whether there is something to read.
    pub fn has_spoken(&mut self) -> bool {
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = self.stream.try_read(&mut piece) {
            self.ahead.extend_from_slice(&piece[..read]);
        }
        !self.ahead.is_empty()
    }

    /// A request and its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> RawReply {
        self.send(request).await.unwrap();
        self.reply().await.expect("an answer")
    }

    /// Waits until the server closes the connection and returns what it still said.
    pub async fn closed(&mut self) -> Vec<u8> {
        timeout(PATIENCE, async { while self.read_more().await {} }).await.expect("the server closes");
        std::mem::take(&mut self.ahead)
    }

    async fn read_reply(&mut self) -> Option<RawReply> {
        let end = loop {
            if let Some(at) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if !self.read_more().await {
                assert!(self.ahead.is_empty(), "a cut answer: {}", String::from_utf8_lossy(&self.ahead));
                return None;
            }
        };
        let head = String::from_utf8(self.ahead.drain(..end + 4).collect()).unwrap();
        let (status, fields) = head.split_once("\r\n").unwrap();
        let status: u16 = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in fields.lines().filter_map(|line| line.split_once(':')) {
            headers
                .entry(name.to_ascii_lowercase())
                .and_modify(|all| *all = format!("{all}, {}", value.trim()))
                .or_insert_with(|| value.trim().to_owned());
        }
        let body = match headers.get("content-length") {
            Some(length) => self.take(length.parse().unwrap()).await,
            None if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") => {
                self.chunks().await
            }
            None => Vec::new(),
        };
        Some(RawReply { status, headers, body })
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let length = loop {
                if let Some(at) = self.ahead.windows(2).position(|window| window == b"\r\n") {
                    break self.take(at + 2).await;
                }
                assert!(self.read_more().await, "a cut answer");
            };
            let length = usize::from_str_radix(String::from_utf8_lossy(&length).trim(), 16).unwrap();
            body.extend(self.take(length).await);
            assert_eq!(self.take(2).await, b"\r\n");
            if length == 0 {
                return body;
            }
        }
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.ahead.len() < length {
            assert!(self.read_more().await, "a cut answer: {} of {length} bytes", self.ahead.len());
        }
        self.ahead.drain(..length).collect()
    }

    /// False at the end, however it came about.
    async fn read_more(&mut self) -> bool {
        self.stream.read_buf(&mut self.ahead).await.is_ok_and(|read| read > 0)
    }
}

impl RawReply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value)
    }
}
