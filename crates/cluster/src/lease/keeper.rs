//! Keeps one lease over the key-value port: the shell around [`Observed`].

use std::sync::Arc;
use std::time::Duration;

use callboard_domain::id::NodeName;
use callboard_substrate::Kv;
use callboard_substrate::name::{Bucket, Key};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::config::Config;
use super::observed::{Act, Observed, Read, Wrote};
use super::record::Record;

/// What a node knows of a lease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The epoch in which this node may act, if it may; see [`View::valid`].
    pub held: Option<u64>,
    /// When it must stop acting unless a newer view says otherwise. `None` is never.
    pub until: Option<Instant>,
    /// The holder and its epoch as last seen.
    pub holder: Option<(NodeName, u64)>,
}

impl View {
    /// The epoch in which this node may act now, if it may.
    #[must_use]
    pub fn valid(&self) -> Option<u64> {
        self.held.filter(|_| self.until.is_none_or(|until| Instant::now() < until))
    }
}

struct Inner {
    kv: Arc<dyn Kv>,
    bucket: Bucket,
    key: Key,
    cfg: Config,
    began: Instant,
    lease: Mutex<Observed>,
    view: watch::Sender<View>,
}

/// One lease of one node. Cheap to clone.
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

impl Keeper {
    /// A keeper of the lease `name`; [`Keeper::run`] makes it work.
    ///
    /// # Panics
    /// Where `name` is not one token: names of leases are constants.
    #[must_use]
    pub fn new(
        kv: Arc<dyn Kv>,
        bucket: Bucket,
        name: &'static str,
        cfg: Config,
        me: NodeName,
        incarnation: Uuid,
    ) -> Self {
        let lease = Mutex::new(Observed::new(cfg.clone(), me, incarnation));
        Self(Arc::new(Inner {
            kv,
            bucket,
            key: Key::new(name).expect("names of leases are tokens"),
            cfg,
            began: Instant::now(),
            lease,
            view: watch::Sender::new(View::default()),
        }))
    }

    /// Follows what this node knows.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<View> {
        self.0.view.subscribe()
    }

    /// Takes, renews and observes until it is dropped.
    pub async fn run(self) {
        loop {
            self.turn().await;
            tokio::time::sleep(self.0.cfg.renew()).await;
        }
    }

    /// One turn: reads, and writes at once where the read allows it.
    async fn turn(&self) {
        let mut lease = self.0.lease.lock().await;
        for _ in 0..2 {
            match lease.next() {
                Act::Rest => break,
                Act::Read => self.read(&mut lease).await,
                Act::Write { at, record } => {
                    self.write(&mut lease, at, record).await;
                    break;
                }
            }
        }
        self.publish(&lease);
    }

    /// The next epoch for a restart of the singleton on this node. `None` where it is not held, or
    /// the write was not acknowledged: wait for [`Keeper::view`] to show it held, and try again.
    pub async fn bump(&self) -> Option<u64> {
        let mut lease = self.0.lease.lock().await;
        if let Some(Act::Write { at, record }) = lease.bump() {
            self.write(&mut lease, at, record).await;
            self.publish(&lease);
            return lease.valid(self.now()).filter(|_| lease.bump().is_some());
        }
        self.read(&mut lease).await;
        None
    }

    /// Gives the lease up, if it is held, so that another node need not wait.
    pub async fn release(&self) {
        let mut lease = self.0.lease.lock().await;
        if let Some(Act::Write { at, record }) = lease.release() {
            self.write(&mut lease, at, record).await;
            self.publish(&lease);
        }
    }

    async fn read(&self, lease: &mut Observed) {
        let sent = self.now();
        let get = self.0.kv.get(&self.0.bucket, &self.0.key);
        let read = match timeout(self.0.cfg.answer_max(), get).await {
            Ok(Ok(None)) => Read::Found(None),
            Ok(Ok(Some(entry))) => match Record::decode(&entry.value) {
                Ok(record) => Read::Found(Some((entry.revision, record))),
                Err(reason) => {
                    tracing::error!(lease = %self.0.key, reason, "lease record is damaged");
                    Read::Failed
                }
            },
            Ok(Err(error)) => {
                tracing::warn!(lease = %self.0.key, %error, "lease not read");
                Read::Failed
            }
            Err(_) => Read::Failed,
        };
        lease.read(sent, self.now(), read);
    }

    async fn write(
        &self,
        lease: &mut Observed,
        at: Option<callboard_substrate::kv::Revision>,
        record: Record,
    ) {
        let sent = self.now();
        let value = serde_json::to_vec(&record).expect("a lease record has only string keys");
        let write = async {
            match at {
                None => self.0.kv.create(&self.0.bucket, &self.0.key, value).await,
                Some(at) => self.0.kv.update(&self.0.bucket, &self.0.key, value, at).await,
            }
        };
        let wrote = match timeout(self.0.cfg.answer_max(), write).await {
            Ok(Ok(revision)) => Wrote::At(revision),
            Ok(Err(error)) => {
                tracing::debug!(lease = %self.0.key, %error, "lease not written");
                Wrote::NotKnown
            }
            Err(_) => Wrote::NotKnown,
        };
        lease.wrote(sent, self.now(), record, wrote);
    }

    fn publish(&self, lease: &Observed) {
        let holder = lease.holder().map(|(node, epoch)| (node.clone(), epoch));
        let until = lease.deadline().map(|deadline| self.0.began + deadline);
        let view = View { held: lease.valid(self.now()), until, holder };
        self.0.view.send_if_modified(|before| {
            let changed = *before != view;
            *before = view;
            changed
        });
    }

    fn now(&self) -> Duration {
        self.0.began.elapsed()
    }
}
