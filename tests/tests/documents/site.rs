//! A server of documents that does what it was told, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// 200 with this body.
    Body(String),
    /// This status, and after how many seconds to come back.
    Status(u16, Option<u64>),
    /// This body, once [`Site::release`] was called.
    Held(String),
}

pub(crate) struct Site {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    /// The answers of each path, one after the other; the last one stays. Of any other path: a document that names it.
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
    asked: watch::Sender<Vec<String>>,
    released: watch::Sender<bool>,
    serving: AtomicUsize,
    serving_max: AtomicUsize,
}

impl Site {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            answers: Mutex::default(),
            asked: watch::Sender::default(),
            released: watch::Sender::new(false),
            serving: AtomicUsize::new(0),
            serving_max: AtomicUsize::new(0),
        });
        let served = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&served);
                tokio::spawn(async move { serve(socket, &state).await.ok() });
            }
        });
        Self { address, state, accepting }
    }

    pub(crate) fn answer(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.state.answers.lock().unwrap().insert(path.to_owned(), answers.into_iter().collect());
    }

    /// Lets those go who wait for [`Answer::Held`].
    pub(crate) fn release(&self) {
        self.state.released.send_replace(true);
    }

    pub(crate) fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same, by another name of the host.
    pub(crate) fn other_uri(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.address.port())
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.borrow().clone()
    }

    pub(crate) async fn until_asked(&self, times: usize) {
        self.until(|asked| asked.len() >= times).await;
    }

    /// Waits for what was asked to be so.
    pub(crate) async fn until(&self, is_so: impl Fn(&[String]) -> bool) {
        self.state.asked.subscribe().wait_for(|asked| is_so(asked)).await.unwrap();
    }

    /// How many were served at the same time, at most.
    pub(crate) fn served_at_once(&self) -> usize {
        self.state.serving_max.load(Ordering::SeqCst)
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
    let serving = state.serving.fetch_add(1, Ordering::SeqCst) + 1;
    state.serving_max.fetch_max(serving, Ordering::SeqCst);
    let path = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().to_owned();
    state.asked.send_modify(|asked| asked.push(path.clone()));
    let answer =
        state.answers.lock().unwrap().get_mut(&path).and_then(|answers| {
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
        });
    if let Some(Answer::Held(_)) = answer {
        state.released.subscribe().wait_for(|released| *released).await.unwrap();
    }
    let (status, headers, body) = match answer {
        None => (200, String::new(), format!("{{\"description\":\"{path}\"}}")),
        Some(Answer::Body(body) | Answer::Held(body)) => (200, String::new(), body),
        Some(Answer::Status(status, retry)) => (
            status,
            retry.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n")),
            String::new(),
        ),
    };
    // Others get their turn while this one is served.
    tokio::task::yield_now().await;
    state.serving.fetch_sub(1, Ordering::SeqCst);
    let answer = format!(
        "HTTP/1.1 {status} Answer\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(answer.as_bytes()).await?;
    socket.shutdown().await
}
