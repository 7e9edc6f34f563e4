//! PostgreSQL's binary COPY format (manual, "COPY, Binary Format"), as far as our tables need it.

use sqlx::postgres::PgConnection;

use crate::StoreError;

/// How much is collected before it is sent, in bytes.
const CHUNK_BYTES: usize = 1 << 18;

/// Signature, flags and the length of the header's extension: none.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Array of int8: its type's OID.
const INT8_OID: i32 = 20;

/// Rows on their way into a table.
pub(super) struct CopyIn<'c> {
    copy: sqlx::postgres::PgCopyIn<&'c mut PgConnection>,
    buffer: Vec<u8>,
}

impl<'c> CopyIn<'c> {
    /// Starts a `COPY … FROM STDIN (FORMAT binary)`.
    pub(super) async fn start(
        connection: &'c mut PgConnection,
        statement: &'static str,
    ) -> Result<Self, StoreError> {
        let mut buffer = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
        buffer.extend_from_slice(HEADER);
        Ok(Self { copy: connection.copy_in_raw(statement).await?, buffer })
    }

    /// Begins a row of so many fields; the caller then writes just these.
    pub(super) async fn row(&mut self, fields: i16) -> Result<&mut Vec<u8>, StoreError> {
        if self.buffer.len() >= CHUNK_BYTES {
            self.copy.send(self.buffer.as_slice()).await?;
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(&fields.to_be_bytes());
        Ok(&mut self.buffer)
    }

    /// Ends the rows; returns how many the table took.
    pub(super) async fn finish(mut self) -> Result<u64, StoreError> {
        self.buffer.extend_from_slice(&(-1_i16).to_be_bytes());
        self.copy.send(self.buffer.as_slice()).await?;
        Ok(self.copy.finish().await?)
    }
}

/// A field of bytes or text.
pub(super) fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    // Bodies are bounded by the reader at some megabytes.
    let length = i32::try_from(value.len()).expect("a field is shorter than 2 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
}

/// A field of bytes, or null.
pub(super) fn optional_bytes(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) => bytes(out, value),
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
    }
}

/// A field of some kind, or null.
pub(super) fn optional<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(out, value),
        None => optional_bytes(out, None),
    }
}

/// A smallint.
pub(super) fn int2(out: &mut Vec<u8>, value: i16) {
    bytes(out, &value.to_be_bytes());
}

/// A bigint.
pub(super) fn int8(out: &mut Vec<u8>, value: i64) {
    bytes(out, &value.to_be_bytes());
}

/// A boolean.
pub(super) fn boolean(out: &mut Vec<u8>, value: bool) {
    bytes(out, &[u8::from(value)]);
}

/// A bigint[].
pub(super) fn int8_array(out: &mut Vec<u8>, values: &[i64]) {
    let count = i32::try_from(values.len()).expect("an asset stands in fewer than 2^31 lists");
    let dimensions = i32::from(count > 0);
    let length = 12 + 8 * dimensions + 12 * count;
    for word in [length, dimensions, 0, INT8_OID] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    if count > 0 {
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
        for &value in values {
            int8(out, value);
        }
    }
}
