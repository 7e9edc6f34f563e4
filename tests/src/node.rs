//! A Solana node for tests: HTTP/1.1 on a real socket, that answers as it is told to and keeps what it was sent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A running node. It ends, with all its connections, when it is dropped.
pub struct Node {
    pub address: SocketAddr,
    state: Arc<State>,
    _running: JoinSet<()>,
}

/// What the node does about a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers this, with HTTP 200.
    Answer(String),
    /// Answers this, with this status.
    Status(u16, String),
    /// Answers this, and sends these answers that nobody asked for right behind it.
    Unasked(String, Vec<String>),
    /// Answers this as soon as [`Node::release`] lets one go.
    Hold(String),
    /// Sends these bytes, whatever they are, and closes the connection.
    Raw(Vec<u8>),
    /// Begins an answer in chunks with this, and says no more.
    Stall(String),
    /// Begins an answer in chunks with this, and repeats that for ever.
    Endless(String, String),
    /// Answers this in chunks of so many bytes.
    Chunks(String, usize),
}

type Script = Box<dyn Fn(&Value) -> Act + Send + Sync>;

struct State {
    script: Script,
    received: Mutex<Vec<String>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    open_most: AtomicUsize,
    /// Connections that were closed on the node while it was at an answer.
    left: AtomicUsize,
    releases: Semaphore,
}

impl Node {
    /// A node on a free port.
    pub async fn start(script: impl Fn(&Value) -> Act + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script).await
    }

    pub async fn start_at(
        address: SocketAddr,
        script: impl Fn(&Value) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            script: Box::new(script),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            open_most: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            releases: Semaphore::new(0),
        });
        let mut running = JoinSet::new();
        running.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, _running: running }
    }

    /// A node that answers every call with this result.
    pub async fn answering(result: &'static str) -> Self {
        Self::start(move |_| Act::Answer(answer(result))).await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets so many held answers go.
    pub fn release(&self, answers: usize) {
        self.state.releases.add_permits(answers);
    }

    /// Every request so far, head and body.
    pub fn received(&self) -> Vec<String> {
        self.state.received.lock().unwrap().clone()
    }

    /// The bodies of all requests so far.
    pub fn calls(&self) -> Vec<Value> {
        let body =
            |request: &String| serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        self.received().iter().map(body).collect()
    }

    /// Connections that were ever made.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The most connections that were open at a time.
    pub fn open_most(&self) -> usize {
        self.state.open_most.load(Ordering::SeqCst)
    }

    /// Connections that were closed on the node while it was at an answer.
    pub fn left(&self) -> usize {
        self.state.left.load(Ordering::SeqCst)
    }
}

/// An answer with this result, to the id that the server uses.
pub fn answer(result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","result":{result},"id":1}}"#)
}

/// An answer that is an error.
pub fn refusal(error: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","error":{error},"id":1}}"#)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            state.connections.fetch_add(1, Ordering::SeqCst);
            let open = state.open.fetch_add(1, Ordering::SeqCst) + 1;
            state.open_most.fetch_max(open, Ordering::SeqCst);
            serve(stream, &state).await;
            state.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Serves a connection until either side closes it.
async fn serve(mut stream: TcpStream, state: &State) {
    stream.set_nodelay(true).unwrap();
    let mut ahead = Vec::new();
    while let Some(request) = read(&mut stream, &mut ahead).await {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let act = (state.script)(&serde_json::from_str(body).unwrap());
        state.received.lock().unwrap().push(request);
        if !perform(act, &mut stream, &mut ahead, state).await {
            return;
        }
    }
}

/// Does what the script says; false: the connection ends with it.
async fn perform(act: Act, stream: &mut TcpStream, ahead: &mut Vec<u8>, state: &State) -> bool {
    match act {
        Act::Answer(text) => send(stream, 200, &text).await,
        Act::Status(status, text) => send(stream, status, &text).await,
        Act::Unasked(text, more) => {
            let all = [vec![text], more].concat().iter().map(|text| whole(200, text)).collect::<String>();
            stream.write_all(all.as_bytes()).await.is_ok()
        }
        Act::Hold(text) => {
            let released = tokio::select! {
                permit = state.releases.acquire() => { permit.unwrap().forget(); true }
                () = gone(stream, ahead) => false,
            };
            if !released {
                state.left.fetch_add(1, Ordering::SeqCst);
            }
            released && send(stream, 200, &text).await
        }
        Act::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            false
        }
        Act::Stall(text) => {
            if begin_chunks(stream, &text).await {
                gone(stream, ahead).await;
            }
            state.left.fetch_add(1, Ordering::SeqCst);
            false
        }
        Act::Endless(text, more) => {
            let mut going = begin_chunks(stream, &text).await;
            while going {
                going = send_chunk(stream, more.as_bytes()).await;
            }
            state.left.fetch_add(1, Ordering::SeqCst);
            false
        }
        Act::Chunks(text, bytes) => {
            let mut going = begin_chunks(stream, "").await;
            for piece in text.as_bytes().chunks(bytes) {
                going = going && send_chunk(stream, piece).await;
            }
            going && stream.write_all(b"0\r\n\r\n").await.is_ok()
        }
    }
}

/// A request, head and body.
async fn read(stream: &mut TcpStream, ahead: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(head) = ahead.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&ahead[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let whole = head + 4 + length.map_or(0, |length| length.trim().parse().unwrap());
            if ahead.len() >= whole {
                return Some(String::from_utf8(ahead.drain(..whole).collect()).unwrap());
            }
        }
        if !stream.read_buf(ahead).await.is_ok_and(|read| read > 0) {
            return None;
        }
    }
}

/// Waits until the other side closes.
async fn gone(stream: &mut TcpStream, ahead: &mut Vec<u8>) {
    while stream.read_buf(ahead).await.is_ok_and(|read| read > 0) {}
}

async fn send(stream: &mut TcpStream, status: u16, text: &str) -> bool {
    stream.write_all(whole(status, text).as_bytes()).await.is_ok()
}

/// An answer of HTTP with its length.
fn whole(status: u16, text: &str) -> String {
    let length = text.len();
    format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{text}")
}

async fn begin_chunks(stream: &mut TcpStream, text: &str) -> bool {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.is_ok()
        && (text.is_empty() || send_chunk(stream, text.as_bytes()).await)
}

async fn send_chunk(stream: &mut TcpStream, piece: &[u8]) -> bool {
    let head = format!("{:x}\r\n", piece.len());
    stream.write_all(&[head.as_bytes(), piece, b"\r\n"].concat()).await.is_ok()
}
