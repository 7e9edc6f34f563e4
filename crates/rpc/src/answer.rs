//! An answer's bytes: a few shared pieces that are sent one behind the other and never copied together.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// JSON text in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payload(VecDeque<Bytes>);

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
    /// Adds a piece behind the others.
    pub(crate) fn push(&mut self, piece: impl Into<Bytes>) {
        self.0.push_back(piece.into());
    }

    /// Adds all pieces of another payload.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// As the body of an answer, with its exact length.
    pub(crate) fn into_body(self) -> Body {
        Body::new(self)
    }
}

impl<T: Into<Bytes>> From<T> for Payload {
    fn from(piece: T) -> Self {
        Self(VecDeque::from([piece.into()]))
    }
}

impl HttpBody for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}
