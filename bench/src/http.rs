//! HTTP/1.1 as little as a load client needs: one request, one answer, the same connection again.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::chunked::Chunks;

/// Enough for all headers, and small enough to stay in a core's cache.
const BUFFER_BYTES: usize = 256 << 10;

/// How long an answer may take; longer than any deadline of the server.
const PATIENCE: Duration = Duration::from_mins(1);

/// The bytes of a POST.
pub(crate) fn post(address: SocketAddr, path: &str, accept_encoding: Option<&str>, body: &str) -> Vec<u8> {
    let accept = accept_encoding.map_or_else(String::new, |name| format!("accept-encoding: {name}\r\n"));
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n{accept}content-length: \
         {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// What an answer says before its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// The length of the body, bytes.
    pub(crate) length: usize,
    /// `content-encoding`.
    pub(crate) encoding: Option<String>,
}

/// What headers say; a body in chunks has no length yet.
#[derive(Debug, PartialEq, Eq)]
struct Announced {
    status: u16,
    length: Option<usize>,
    encoding: Option<String>,
}

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Sends a request without reading its answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request).await?)
    }

    /// Waits until there is something to read, and leaves it there.
    pub(crate) async fn answered(&self) -> Result<()> {
        timeout(PATIENCE, self.stream.readable()).await.context("no answer within a minute")??;
        Ok(())
    }

    /// Sends a request and gives the body of the answer, piece by piece, to `sink`.
    pub(crate) async fn call(&mut self, request: &[u8], sink: impl FnMut(&[u8])) -> Result<Head> {
        let answered = timeout(PATIENCE, async {
            self.send(request).await?;
            self.receive(sink).await
        });
        answered.await.context("no answer within a minute")?
    }

    /// The same, with the body appended to `body`.
    pub(crate) async fn collect(&mut self, request: &[u8], body: &mut Vec<u8>) -> Result<Head> {
        body.clear();
        self.call(request, |piece| body.extend_from_slice(piece)).await
    }

    async fn receive(&mut self, sink: impl FnMut(&[u8])) -> Result<Head> {
        let mut filled = 0;
        let (mut head, start) = loop {
            ensure!(filled < self.buffer.len(), "headers longer than {BUFFER_BYTES} bytes");
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            ensure!(read > 0, "the server closed the connection");
            filled += read;
            if let Some(parsed) = parse(&self.buffer[..filled])? {
                break parsed;
            }
        };
        if let Some(length) = head.length {
            self.receive_length(length, start..filled, sink).await?;
        } else {
            head.length = Some(self.receive_chunks(start..filled, sink).await?);
        }
        Ok(Head { status: head.status, length: head.length.unwrap_or(0), encoding: head.encoding })
    }

    /// Returns the length of the body.
    async fn receive_chunks(&mut self, first: Range<usize>, mut sink: impl FnMut(&[u8])) -> Result<usize> {
        let (mut chunks, mut length) = (Chunks::default(), 0);
        let mut counted = |piece: &[u8]| {
            length += piece.len();
            sink(piece);
        };
        chunks.read(&self.buffer[first], &mut counted)?;
        while !chunks.is_done() {
            let read = self.stream.read(&mut self.buffer).await?;
            ensure!(read > 0, "the answer ends before its last chunk");
            chunks.read(&self.buffer[..read], &mut counted)?;
        }
        Ok(length)
    }

    async fn receive_length(
        &mut self,
        length: usize,
        first: Range<usize>,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<()> {
        ensure!(first.len() <= length, "more bytes than content-length says");
        let mut left = length - first.len();
        sink(&self.buffer[first]);
        while left > 0 {
            let room = left.min(self.buffer.len());
            let read = self.stream.read(&mut self.buffer[..room]).await?;
            ensure!(read > 0, "the answer ends {left} bytes too early");
            sink(&self.buffer[..read]);
            left -= read;
        }
        Ok(())
    }
}

/// The head and where the body starts, once it is all there.
fn parse(bytes: &[u8]) -> Result<Option<(Announced, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = response.parse(bytes)? else { return Ok(None) };
    let value = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let chunked = value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    let length = match value("content-length") {
        _ if chunked => None,
        Some(length) => Some(length.parse().context("content-length")?),
        None => bail!("an answer whose end is not announced"),
    };
    let encoding = value("content-encoding").map(str::to_owned);
    Ok(Some((Announced { status: response.code.unwrap_or(0), length, encoding }, start)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn heads_are_read_once_they_are_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\ncontent-encoding: zstd\r\n\r\nbody";
        assert_eq!(parse(&answer[..30]).unwrap(), None);
        let (head, start) = parse(answer).unwrap().unwrap();
        assert_eq!(head, Announced { status: 200, length: Some(12), encoding: Some("zstd".to_owned()) });
        let (head, _) = parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap().unwrap();
        assert_eq!(head, Announced { status: 200, length: None, encoding: None });
        assert_eq!(&answer[start..], b"body");
        assert!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").is_err());
    }
}
