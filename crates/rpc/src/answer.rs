//! An answer's bytes: shared pieces that meet only where they are sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use vitrine_encoding::{Encoding, Piece, Stream};

/// JSON text in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payload(VecDeque<Piece>);

/// What a method answers, and what that cost.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The `result`.
    pub(crate) result: Payload,
    /// Items in it.
    pub(crate) rows: u32,
    /// Time spent waiting for the database.
    pub(crate) db: Duration,
}

impl Payload {
    /// Adds text behind the other pieces.
    pub(crate) fn push(&mut self, text: impl Into<Bytes>) {
        self.0.push_back(Piece::Text(text.into()));
    }

    /// Adds pieces.
    pub(crate) fn extend(&mut self, pieces: impl IntoIterator<Item = Piece>) {
        self.0.extend(pieces);
    }

    /// Adds all pieces of another payload.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Adds members to an object, behind its own: text that begins with a comma.
    pub(crate) fn extend_object(&mut self, members: &str) {
        let Some(Piece::Text(end)) = self.0.back_mut() else { return };
        if let Some(open) = end.strip_suffix(b"}") {
            *end = [open, members.as_bytes(), b"}"].concat().into();
        }
    }

    /// The length in bytes, before any encoding.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Piece::plain_len).sum()
    }

    /// Whether some of it is there in an encoding only.
    pub(crate) fn is_encoded(&self) -> bool {
        self.0.iter().any(Piece::is_encoded)
    }

    /// As the body of an answer in this encoding.
    pub(crate) fn into_body(self, encoding: Encoding) -> Body {
        Body::new(Sending::new(self.0, encoding))
    }
}

impl IntoResponse for Payload {
    /// The pieces go along as they are: what the client takes decides, in `layers.rs`, how they are sent.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

impl<T: Into<Bytes>> From<T> for Payload {
    fn from(text: T) -> Self {
        Self(VecDeque::from([Piece::Text(text.into())]))
    }
}

/// A payload on its way to a client.
struct Sending {
    stream: Stream,
    next: Option<Bytes>,
    /// Bytes that are still to be sent, where they are known before they are made.
    left: Option<u64>,
}

impl Sending {
    fn new(pieces: VecDeque<Piece>, encoding: Encoding) -> Self {
        let plain: usize = pieces.iter().map(Piece::plain_len).sum();
        let left = (encoding == Encoding::Identity).then_some(plain as u64);
        let mut stream = Stream::new(pieces, encoding);
        let next = stream.next();
        Self { stream, next, left }
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(chunk) = self.next.take() else { return Poll::Ready(None) };
        self.next = self.stream.next();
        self.left = self.left.map(|left| left.saturating_sub(chunk.len() as u64));
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
