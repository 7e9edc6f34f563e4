//! A server on the loopback that behaves as its paths say.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct Site {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let log = Arc::clone(&log);
                // Whoever is cut off has seen enough.
                tokio::spawn(async move { serve(socket, &log).await.ok() });
            }
        });
        Self { address, asked, accepting }
    }

    /// A port on which nobody listens.
    pub(crate) fn closed_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The paths that were asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut socket: TcpStream, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push(path.clone());
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    match path {
        "/silent" => std::future::pending().await,
        "/drip" => {
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"a\":\"").await?;
            loop {
                socket.write_all(b"a").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        "/slow-redirects" => {
            tokio::time::sleep(Duration::from_millis(150)).await;
            socket.write_all(&redirect("/slow-redirects")).await?;
        }
        "/endless" => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            loop {
                socket.write_all(b"400\r\n").await?;
                socket.write_all(&[b' '; 1024]).await?;
                socket.write_all(b"\r\n").await?;
            }
        }
        "/endless-head" => {
            socket.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                socket.write_all(format!("X: {}\r\n", "a".repeat(1000)).as_bytes()).await?;
            }
        }
        _ => socket.write_all(&answer(path, query)).await?,
    }
    socket.shutdown().await
}

fn answer(path: &str, query: &str) -> Vec<u8> {
    if let Some(more) = path.strip_prefix("/redirect/").and_then(|more| more.parse::<u32>().ok()) {
        let to = if more == 1 { "/as-html".to_owned() } else { format!("/redirect/{}", more - 1) };
        return redirect(&to);
    }
    if let Some(status) = path.strip_prefix("/status/") {
        let retry = if query.is_empty() { String::new() } else { format!("Retry-After: {query}\r\n") };
        return format!("HTTP/1.1 {status} No\r\n{retry}Content-Length: 0\r\n\r\n").into_bytes();
    }
    let gzip = "Content-Encoding: gzip\r\n";
    match path {
        "/as-html" => body("Content-Type: text/html\r\n", b"{\"a\": 1}"),
        path if path.starts_with("/ipfs/") => body("", b"{\"a\": 1}"),
        "/gzip" => body(gzip, &packed(b"{\"a\":1}")),
        "/broken-gzip" => body(gzip, &packed(b"{\"a\":1}")[..20]),
        "/bomb" => body(gzip, &packed(&vec![b' '; 5_000_000])),
        "/brotli" => body("Content-Encoding: br\r\n", b"{\"a\":1}"),
        "/nul" => body("", b"{\"a\":\"\\u0000\"}"),
        "/html" => body("Content-Type: application/json\r\n", b"<html></html>"),
        "/empty" => body("", b""),
        "/array" => body("", b"[]"),
        "/latin" => body("", b"{\"a\":\"\xe9\"}"),
        "/deep" => body("", format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200)).as_bytes()),
        "/huge" => body("", &vec![b' '; 5_000_000]),
        "/chunked" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"
                .to_vec()
        }
        "/short-length" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"a\":1}".to_vec(),
        "/long-length" => b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"a\":1}".to_vec(),
        "/cut" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n".to_vec(),
        "/no-answer" => Vec::new(),
        "/not-http" => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        "/loop" => redirect("/loop"),
        "/to" => redirect(query),
        "/nowhere" => b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => panic!("nobody asks for {path}"),
    }
}

fn body(headers: &str, bytes: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", bytes.len()).into_bytes();
    answer.extend_from_slice(bytes);
    answer
}

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
