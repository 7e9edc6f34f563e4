//! Work without an end in sight is cut, so that others get a turn.

/// How many bytes of bodies are encoded in a row: about a millisecond's work.
pub(super) const ENCODED_IN_A_ROW: usize = 1 << 16;

/// How many bytes of bodies are unpacked in a row: about a millisecond's work.
pub(super) const UNPACKED_IN_A_ROW: usize = 1 << 20;

/// Counts work in bytes.
#[derive(Debug)]
pub(super) struct Turns {
    in_a_row: usize,
    done: usize,
}

impl Turns {
    /// So many bytes are worked on in a row.
    pub(super) fn of(in_a_row: usize) -> Self {
        Self { in_a_row, done: 0 }
    }

    /// Notes that so many bytes are done; others have their turn where that is enough for now.
    pub(super) async fn after(&mut self, bytes: usize) {
        self.done += bytes;
        if self.done >= self.in_a_row {
            self.done = 0;
            tokio::task::yield_now().await;
        }
    }
}
