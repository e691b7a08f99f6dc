//! The bus within the process: bounded buffers per subscriber, wildcards, request and reply.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use callboard_substrate::Bus;
use callboard_substrate::bus::{BusError, Message, Subscription};
use callboard_substrate::name::{Pattern, Subject};
use tokio::sync::mpsc;

use crate::config::Config;

/// The bus.
pub(crate) struct LocalBus {
    table: Arc<RwLock<Table>>,
    payload_bytes_max: usize,
    n_messages_max: usize,
    n_subscriptions_max: usize,
}

#[derive(Default)]
struct Table {
    closed: bool,
    next_id: u64,
    n: usize,
    /// Subscribers to one subject, by the subject.
    exact: HashMap<String, Vec<Member>>,
    /// Subscribers with wildcards.
    wild: Vec<Member>,
}

struct Member {
    id: u64,
    pattern: Pattern,
    messages: mpsc::Sender<Message>,
    n_dropped: Arc<AtomicU64>,
}

/// How many subscribers matched, and how many of them had room.
#[derive(Default)]
struct Delivery {
    n_matched: usize,
    n_sent: usize,
}

impl LocalBus {
    pub(crate) fn new(cfg: &Config) -> Self {
        Self {
            table: Arc::default(),
            payload_bytes_max: cfg.payload_bytes_max,
            n_messages_max: cfg.subscription_messages_max,
            n_subscriptions_max: cfg.subscriptions_max,
        }
    }

    /// Ends every subscription after what it has buffered.
    pub(crate) fn close(&self) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        *table = Table { closed: true, ..Table::default() };
    }

    fn join(&self, pattern: Pattern, n_messages: usize) -> Result<LocalSubscription, &'static str> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if table.closed {
            return Err("the substrate is closed");
        }
        if table.n >= self.n_subscriptions_max {
            return Err("too many subscriptions: see subscriptions_max");
        }
        table.next_id += 1;
        table.n += 1;
        let id = table.next_id;
        let (messages, inbox) = mpsc::channel(n_messages);
        let n_dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&n_dropped);
        let member = Member { id, pattern: pattern.clone(), messages, n_dropped: counter };
        if is_wild(&pattern) {
            table.wild.push(member);
        } else {
            table.exact.entry(pattern.as_str().to_owned()).or_default().push(member);
        }
        drop(table);
        Ok(LocalSubscription { id, pattern, inbox, n_dropped, table: Arc::clone(&self.table) })
    }

    fn deliver(&self, message: &Message) -> Result<Delivery, BusError> {
        let (subject, bytes) = (&message.subject, message.payload.len());
        if bytes > self.payload_bytes_max {
            let (subject, bytes_max) = (subject.clone(), self.payload_bytes_max);
            return Err(BusError::TooLarge { subject, bytes, bytes_max });
        }
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if table.closed {
            return Err(unavailable(subject, "the substrate is closed"));
        }
        let mut delivery = Delivery::default();
        let exact = table.exact.get(subject.as_str()).map_or(&[][..], Vec::as_slice);
        let wild = table.wild.iter().filter(|member| member.pattern.matches(subject));
        for member in exact.iter().chain(wild) {
            delivery.n_matched += 1;
            match member.messages.try_send(message.clone()) {
                Ok(()) => delivery.n_sent += 1,
                Err(_full) => {
                    member.n_dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Ok(delivery)
    }

    fn inbox(&self, subject: &Subject) -> Result<(Subject, LocalSubscription), BusError> {
        let id = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            table.next_id += 1;
            table.next_id
        };
        let reply = format!("_INBOX.{id}");
        let pattern = Pattern::new(reply.clone()).expect("an inbox is a legal pattern");
        let inbox = self.join(pattern, 1).map_err(|reason| unavailable(subject, reason))?;
        Ok((Subject::new(reply).expect("an inbox is a legal subject"), inbox))
    }
}

fn is_wild(pattern: &Pattern) -> bool {
    pattern.as_str().contains(['*', '>'])
}

fn unavailable(subject: &Subject, reason: &str) -> BusError {
    BusError::Unavailable { subject: subject.clone(), reason: reason.to_owned() }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, subject: &Subject, payload: Vec<u8>) -> Result<(), BusError> {
        self.deliver(&Message { subject: subject.clone(), reply: None, payload })?;
        Ok(())
    }

    async fn subscribe(&self, pattern: &Pattern) -> Result<Box<dyn Subscription>, BusError> {
        match self.join(pattern.clone(), self.n_messages_max) {
            Ok(subscription) => Ok(Box::new(subscription)),
            Err(reason) => {
                // The error speaks of a subject; the wildcards' place is taken by a legal token.
                let name = pattern.as_str().replace(['*', '>'], "_");
                let subject = Subject::new(name).expect("a pattern without wildcards");
                Err(unavailable(&subject, reason))
            }
        }
    }

    async fn request(
        &self,
        subject: &Subject,
        payload: Vec<u8>,
        deadline: Duration,
    ) -> Result<Vec<u8>, BusError> {
        let (reply, mut inbox) = self.inbox(subject)?;
        let message = Message { subject: subject.clone(), reply: Some(reply), payload };
        let delivery = self.deliver(&message)?;
        if delivery.n_matched == 0 {
            return Err(BusError::NoResponders { subject: subject.clone() });
        }
        if delivery.n_sent == 0 {
            return Err(unavailable(subject, "every subscriber's buffer is full"));
        }
        match tokio::time::timeout(deadline, inbox.next()).await {
            Ok(Some(answer)) => Ok(answer.payload),
            // It was sent: the request may have had its effect.
            Ok(None) | Err(_) => Err(BusError::TimedOut { subject: subject.clone(), deadline }),
        }
    }

    fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max
    }
}

/// One subscriber's side.
struct LocalSubscription {
    id: u64,
    pattern: Pattern,
    inbox: mpsc::Receiver<Message>,
    n_dropped: Arc<AtomicU64>,
    table: Arc<RwLock<Table>>,
}

#[async_trait]
impl Subscription for LocalSubscription {
    async fn next(&mut self) -> Option<Message> {
        self.inbox.recv().await
    }

    fn n_dropped(&self) -> u64 {
        self.n_dropped.load(Ordering::Relaxed)
    }
}

impl Drop for LocalSubscription {
    fn drop(&mut self) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if table.closed {
            return;
        }
        table.n -= 1;
        if is_wild(&self.pattern) {
            table.wild.retain(|member| member.id != self.id);
            return;
        }
        let Some(members) = table.exact.get_mut(self.pattern.as_str()) else { return };
        members.retain(|member| member.id != self.id);
        if members.is_empty() {
            table.exact.remove(self.pattern.as_str());
        }
    }
}
