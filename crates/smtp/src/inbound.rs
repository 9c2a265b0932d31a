//! What a connection has received and nobody has read yet.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A read buffer that hands out slices; it grows only while its reader leaves octets unread.
pub(crate) struct Inbound {
    buffer: Vec<u8>,
    start: usize,
    chunk: usize,
}

impl Inbound {
    /// `chunk` is the room for one read from the socket, in octets.
    pub(crate) fn new(chunk: usize) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            chunk,
        }
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub(crate) fn consume(&mut self, octets: usize) {
        self.start += octets;
        debug_assert!(self.start <= self.buffer.len());
    }

    /// Reads once; 0 is the end of the stream. Safe to drop at any await.
    pub(crate) async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve(self.chunk);
        from.read_buf(&mut self.buffer).await
    }
}
