//! A server on the loopback that behaves as its paths say.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) struct Site {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

/// What was asked, and who waits at `/held`.
#[derive(Default)]
struct State {
    asked: watch::Sender<Vec<String>>,
    released: watch::Sender<bool>,
    held: AtomicUsize,
    held_max: AtomicUsize,
}

impl Site {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let served = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&served);
                // Whoever is cut off has seen enough.
                tokio::spawn(async move { serve(socket, &state).await.ok() });
            }
        });
        Self { address, state, accepting }
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

    /// The same, by another name of the host.
    pub(crate) fn other_uri(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port())
    }

    /// The paths that were asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.borrow().clone()
    }

    /// Waits until so many were asked for that begin so.
    pub(crate) async fn until_asked(&self, start: &str, times: usize) {
        let enough =
            |asked: &Vec<String>| asked.iter().filter(|path| path.starts_with(start)).count() >= times;
        self.state.asked.subscribe().wait_for(enough).await.unwrap();
    }

    /// Lets those go who wait at `/held`, from now on.
    pub(crate) fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// How many waited at `/held` at a time, at most.
    pub(crate) fn held_at_once(&self) -> usize {
        self.state.held_max.load(Ordering::SeqCst)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut socket: TcpStream, state: &State) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if path == "/held" {
        let at_once = state.held.fetch_add(1, Ordering::SeqCst) + 1;
        state.held_max.fetch_max(at_once, Ordering::SeqCst);
    }
    state.asked.send_modify(|asked| asked.push(path.clone()));
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    match path {
        "/silent" => std::future::pending().await,
        "/held" => {
            state.released.subscribe().wait_for(|released| *released).await.unwrap();
            state.held.fetch_sub(1, Ordering::SeqCst);
            socket.write_all(&body("", b"{\"a\":1}")).await?;
        }
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
