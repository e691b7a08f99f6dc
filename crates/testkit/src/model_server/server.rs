//! The server's thread and the handle to it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer, rt};

use super::routes;
use super::state::{Seen, State};

/// The server's limits.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// The port on the loopback; 0 takes a free one.
    pub port: u16,
    /// How many requests are remembered; the oldest are forgotten.
    pub requests_max: usize,
    /// How many failing steps are counted; beyond it all counts start again.
    pub failing_steps_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { port: 0, requests_max: 1_024, failing_steps_max: 256 }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or may not be used.
    #[error("failed to listen on 127.0.0.1:{port}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// Its thread could not be started.
    #[error("failed to start the thread of the model server")]
    Thread(#[source] io::Error),
}

/// A running model server. It stops when this is dropped.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    state: Arc<State>,
    server: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl ModelServer {
    /// Starts a server on a free port with the default limits.
    ///
    /// # Errors
    /// [`Error`] where it cannot listen.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(Config::default())
    }

    /// Starts a server. It runs on its own thread, so it answers whatever its caller does.
    ///
    /// # Errors
    /// [`Error`] where it cannot listen.
    pub fn start_with(cfg: Config) -> Result<Self, Error> {
        let listen = |source| Error::Listen { port: cfg.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, cfg.port)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let state = Arc::new(State::new(cfg));
        let (handle_tx, handle_rx) = sync_channel(1);
        let thread_state = Data::from(Arc::clone(&state));
        let thread = thread::Builder::new()
            .name("model-server".to_owned())
            .spawn(move || {
                rt::System::new().block_on(async move {
                    let server = HttpServer::new(move || {
                        App::new().app_data(thread_state.clone()).configure(routes::configure)
                    })
                    .workers(1)
                    .disable_signals()
                    .listen(listener)?
                    .run();
                    // The receiver waits below; it is gone only if its thread is.
                    let _ = handle_tx.send(server.handle());
                    server.await
                })
            })
            .map_err(Error::Thread)?;
        match handle_rx.recv() {
            Ok(server) => Ok(Self { address, state, server, thread: Some(thread) }),
            Err(_) => Err(listen(thread_error(thread))),
        }
    }

    /// Where it listens: the base URL for an Anthropic client.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests it remembers, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.state.seen()
    }

    /// The requests of conversations, oldest first: those that are no side requests.
    #[must_use]
    pub fn turns(&self) -> Vec<Seen> {
        self.requests().into_iter().filter(|seen| !seen.side).collect()
    }

    /// Waits until the server ends, which it does only if its thread fails.
    ///
    /// # Errors
    /// The error that ended it.
    pub fn wait(mut self) -> io::Result<()> {
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or_else(|_| panicked()))
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        // The command is sent by the call; the thread ends by itself, so nothing is awaited.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            // An error of a server that is thrown away helps nobody.
            let _ = thread.join();
        }
    }
}

fn thread_error(thread: JoinHandle<io::Result<()>>) -> io::Error {
    match thread.join().unwrap_or_else(|_| panicked()) {
        Ok(()) => io::Error::other("the server ended at once"),
        Err(error) => error,
    }
}

fn panicked() -> io::Result<()> {
    Err(io::Error::other("the server's thread panicked"))
}
