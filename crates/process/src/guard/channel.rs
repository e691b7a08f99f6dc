//! Frames over an abstract Unix socket, blocking: how a guard talks upwards.
//!
//! A socket with a random name rather than an inherited descriptor: nothing leaks into children
//! that are started in the same moment, and no `unsafe` is needed to take it over.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use callboard_wire::{Decoder, Schema, encode};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::time::Instant;

/// How long a peer that does not read may hold a guard up.
const SEND_TIME_OUT: Duration = Duration::from_secs(1);

/// Listens under `name`, which is no file.
///
/// # Errors
/// The name is taken or too long, or there are no descriptors left.
pub(crate) fn listen(name: &str) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// One end of a stream of frames.
pub(super) struct Channel {
    stream: UnixStream,
    decoder: Decoder,
}

/// What came in.
pub(super) struct Received<T> {
    pub(super) values: Vec<T>,
    /// The other end is closed or does not keep to the format: nothing will come any more.
    pub(super) closed: bool,
}

impl Channel {
    pub(super) fn connect(name: &str) -> io::Result<Self> {
        Self::new(UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?)
    }

    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_write_timeout(Some(SEND_TIME_OUT))?;
        Ok(Self { stream, decoder: Decoder::default() })
    }

    /// Sends what the other end may no longer want to hear: its death is seen on receiving.
    pub(super) fn send<T: Schema>(&mut self, value: &T) {
        if let Ok(frame) = encode(value) {
            let _ = self.stream.write_all(&frame);
        }
    }

    /// Reads once, which does not block after a poll that said so, and takes all that is complete.
    pub(super) fn receive<T: Schema>(&mut self) -> Received<T> {
        let open = self.read();
        let mut received = self.buffered();
        received.closed |= !open;
        received
    }

    /// Takes what was read together with an earlier value.
    pub(super) fn buffered<T: Schema>(&mut self) -> Received<T> {
        let mut values = Vec::new();
        loop {
            match self.decoder.take() {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Received { values, closed: false },
                Err(_) => return Received { values, closed: true },
            }
        }
    }

    /// Waits for one value; those that came with it are left to [`Channel::buffered`].
    pub(super) fn receive_first<T: Schema>(&mut self, deadline: Duration) -> Option<T> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(value) = self.decoder.take().ok()? {
                return Some(value);
            }
            let left = PollTimeout::try_from(end.saturating_duration_since(Instant::now())).ok()?;
            let ready = poll(&mut [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)], left);
            match ready {
                Ok(0) => return None,
                Ok(_) if !self.read() => return None,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// `false` at the end of the stream.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.decoder.feed(&buffer[..n]);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
