//! A long answer on its way through: piece by piece, at the speed of its reader, for a bounded time.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout, timeout_at};
use vitrine_encoding::{Block, Encoding, Joiner};

use super::scan::ResultScan;
use super::secret::Watch;

/// How much is compressed at once: about a millisecond's worth.
const RUN_BYTES_MAX: usize = 128 << 10;

/// Less is not worth a compressed block of its own.
const RUN_BYTES_MIN: usize = 128;

/// Pieces that wait for a slow reader; each is as large as one read from the upstream's socket.
const PIECES_MAX: usize = 4;

/// An answer of which the beginning of the result is here and the rest is still to come.
#[derive(Debug)]
pub(crate) struct Passing {
    /// What there is of the result, but for what `watch` holds back.
    pub(super) beginning: Bytes,
    /// Has read the beginning.
    pub(super) scan: ResultScan,
    /// Has read the beginning.
    pub(super) watch: Watch,
    pub(super) response: reqwest::Response,
    /// How long the upstream may be silent.
    pub(super) timeout: Duration,
    /// When the answer has to be over.
    pub(super) ends_at: Instant,
    /// Held for as long as the connection is.
    pub(super) permit: OwnedSemaphorePermit,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All of it was handed on.
    Whole,
    /// The upstream broke off or took too long: the client's answer breaks off too.
    Cut,
    /// The client has gone.
    Left,
}

/// What the reader's side is handed. Without `End` at the end the answer broke off.
enum Piece {
    Text(Bytes),
    End,
}

/// There is no more to hand on, and not all of it was.
struct Broken;

/// The side that hands on, in the encoding that the client takes.
struct Hand<'a> {
    pieces: &'a mpsc::Sender<Piece>,
    /// None: as it is.
    joiner: Option<Joiner>,
}

impl Ending {
    /// In a word, for the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Whole => "ok",
            Self::Cut => "cut",
            Self::Left => "left",
        }
    }
}

impl Passing {
    /// The body of the client's answer, in this encoding: the result between these two texts. `ended` hears how it
    /// ended, and how long the result was.
    ///
    /// The upstream is read in a task of its own: a reader that stands still cannot keep the connection to it.
    pub(crate) fn into_body(
        self,
        encoding: Encoding,
        (before, behind): (Bytes, Bytes),
        ended: impl FnOnce(Ending, usize) + Send + 'static,
    ) -> Body {
        let (pieces, receiver) = mpsc::channel(PIECES_MAX);
        tokio::spawn(async move {
            let ends_at = self.ends_at;
            let mut bytes = 0;
            let joiner = (encoding != Encoding::Identity).then(|| Joiner::new(encoding));
            let hand = Hand { pieces: &pieces, joiner };
            let handed_on = timeout_at(ends_at, self.hand_on(hand, before, behind, &mut bytes));
            let ending = tokio::select! {
                biased;
                handed_on = handed_on => match handed_on {
                    Ok(Ok(())) => Ending::Whole,
                    _ if pieces.is_closed() => Ending::Left,
                    _ => Ending::Cut,
                },
                () = pieces.closed() => Ending::Left,
            };
            ended(ending, bytes);
        });
        let body = stream::unfold(Some(receiver), async |receiver| {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Piece::Text(text)) => Some((Ok(text), Some(receiver))),
                Some(Piece::End) => None,
                None => Some((Err(io::Error::other("the answer broke off")), None)),
            }
        });
        Body::from_stream(body)
    }

    async fn hand_on(
        mut self,
        mut hand: Hand<'_>,
        before: Bytes,
        behind: Bytes,
        bytes: &mut usize,
    ) -> Result<(), Broken> {
        hand.on(before).await?;
        *bytes += self.beginning.len();
        hand.on(std::mem::take(&mut self.beginning)).await?;
        loop {
            let next = timeout(self.timeout, self.response.chunk()).await;
            let Ok(Ok(next)) = next else { return Err(Broken) };
            let Some(piece) = next else { break };
            let part = self.scan.feed(&piece).map_err(|_| Broken)?;
            // The answer breaks off before a key of the upstream's URL.
            let text = self.watch.pass(piece.slice(part)).map_err(|_| Broken)?;
            if !text.is_empty() {
                *bytes += text.len();
                hand.on(text).await?;
            }
        }
        // The connection is free for the next call while a slow reader takes the rest.
        drop(self.permit);
        if !self.scan.is_whole() {
            return Err(Broken);
        }
        let rest = self.watch.rest();
        *bytes += rest.len();
        hand.on(rest).await?;
        hand.on(behind).await?;
        hand.end().await
    }
}

impl Hand<'_> {
    async fn on(&mut self, mut text: Bytes) -> Result<(), Broken> {
        if text.is_empty() {
            return Ok(());
        }
        let Some(joiner) = &mut self.joiner else { return send(self.pieces, text).await };
        while !text.is_empty() {
            let run = text.split_to(text.len().min(RUN_BYTES_MAX));
            if run.len() < RUN_BYTES_MIN {
                joiner.text(&run);
            } else {
                joiner.block(&Block::once(joiner.encoding(), run));
            }
            send(self.pieces, joiner.take(0).into()).await?;
        }
        Ok(())
    }

    async fn end(mut self) -> Result<(), Broken> {
        if let Some(joiner) = self.joiner.take() {
            send(self.pieces, joiner.finish().into()).await?;
        }
        self.pieces.send(Piece::End).await.map_err(|_| Broken)
    }
}

async fn send(pieces: &mpsc::Sender<Piece>, text: Bytes) -> Result<(), Broken> {
    pieces.send(Piece::Text(text)).await.map_err(|_| Broken)
}
