//! Starting and stopping the HTTP server.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, middleware};
use callboard_stdx::task::{self, Kind, Task};

use crate::state::State;
use crate::{Config, Parts, guard, routes};

/// Why the interface did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is no address.
    #[error("failed to listen on {listen:?}: use ADDRESS:PORT, such as 127.0.0.1:7117 ({reason})")]
    BadAddress {
        /// What was configured.
        listen: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Others could reach the address.
    #[error(
        "failed to listen on {listen}: only loopback addresses (127.0.0.1, ::1) are allowed, for \
         there are no users and no TLS yet; reach it by an SSH tunnel instead"
    )]
    NotLoopback {
        /// What was configured.
        listen: String,
    },
    /// The address is taken, and no other may be used.
    #[error(
        "failed to listen on {listen}: the address is in use; choose another with --listen, or \
         allow any with gateway.any_port"
    )]
    AddressInUse {
        /// What was configured.
        listen: String,
    },
    /// The system refuses to listen.
    #[error("failed to listen on {listen}")]
    Io {
        /// What was configured.
        listen: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The running interface. Dropping it ends the server where it stands; [`Gateway::stop`] is graceful.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    stop_ms_max: u64,
    state: State,
    server: ServerHandle,
    serving: Task<()>,
}

impl Gateway {
    /// Listens, and begins to fold the log. Needs a running actix system.
    ///
    /// # Errors
    /// See [`StartError`]; nothing runs then.
    pub async fn start(cfg: Config, parts: Parts) -> Result<Self, StartError> {
        let wanted = loopback(&cfg.listen).await?;
        let (n_workers, n_connections) = (cfg.workers, cfg.connections_max);
        let (any_port, stop_ms_max) = (cfg.any_port, cfg.stop_ms_max);
        let listen = cfg.listen.clone();
        let listener = bind(&listen, wanted, any_port)?;
        let io = |source| StartError::Io { listen: listen.clone(), source };
        let address = listener.local_addr().map_err(io)?;
        let state = State::start(cfg, parts);
        let shared = state.clone();
        let server = HttpServer::new(move || {
            let shared = shared.clone();
            App::new()
                .wrap(middleware::from_fn(guard::check))
                .wrap(middleware::from_fn(guard::json_errors))
                .configure(move |app| routes::configure(app, &shared))
        })
        .workers(n_workers.max(1))
        .max_connections(n_connections)
        .shutdown_timeout(stop_ms_max.div_ceil(1_000))
        .disable_signals()
        .listen(listener)
        .map_err(io)?
        .run();
        let handle = server.handle();
        let serving = task::spawn_local(Kind::Service, "http-server", async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "http server failed");
            }
        });
        tracing::info!(%address, "http interface listens");
        Ok(Self { address, stop_ms_max, state, server: handle, serving })
    }

    /// Where it listens: `http://127.0.0.1:7117`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, ends event streams, and waits for the answers that are under way, at
    /// most [`Config::stop_ms_max`].
    pub async fn stop(self) {
        self.state.begin_stop();
        let limit = Duration::from_millis(self.stop_ms_max);
        if tokio::time::timeout(limit, self.server.stop(true)).await.is_err() {
            tracing::warn!("http interface did not stop in time");
        }
        drop(self.serving);
    }
}

async fn loopback(listen: &str) -> Result<SocketAddr, StartError> {
    let text = listen.to_owned();
    let found = task::spawn_blocking("resolve-listen-address", move || {
        text.to_socket_addrs().map(Iterator::collect::<Vec<_>>)
    });
    let bad = |reason: String| StartError::BadAddress { listen: listen.to_owned(), reason };
    let found = found.await.map_err(|error| bad(error.to_string()))?;
    if found.iter().any(|address| !is_loopback(address.ip())) {
        return Err(StartError::NotLoopback { listen: listen.to_owned() });
    }
    found.first().copied().ok_or_else(|| bad("it resolves to nothing".to_owned()))
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn bind(
    listen: &str,
    wanted: SocketAddr,
    any_port: bool,
) -> Result<std::net::TcpListener, StartError> {
    let listen = listen.to_owned();
    match std::net::TcpListener::bind(wanted) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            if !any_port {
                return Err(StartError::AddressInUse { listen });
            }
            let free = SocketAddr::new(wanted.ip(), 0);
            std::net::TcpListener::bind(free).map_err(|source| StartError::Io { listen, source })
        }
        Err(source) => Err(StartError::Io { listen, source }),
    }
}
