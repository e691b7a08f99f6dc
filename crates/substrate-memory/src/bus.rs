//! The bus: subscriptions with bounded buffers, and messages on their way to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callboard_substrate::Bus;
use callboard_substrate::bus::{BusError, Message, Subscription};
use callboard_substrate::name::{Pattern, Subject};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::shared::{Shared, State, wait};

/// All subscriptions.
#[derive(Default)]
pub(crate) struct BusState {
    subscribers: BTreeMap<u64, Subscriber>,
    n_subscribed: u64,
    n_sent: u64,
    n_requested: u64,
}

/// One subscription.
struct Subscriber {
    node: String,
    pattern: Pattern,
    /// What waits or is on its way, by when it arrives.
    messages: BTreeMap<(Instant, u64), Message>,
    /// When each node's last message arrives, so that its next does not overtake it.
    last_from: BTreeMap<String, Instant>,
    n_dropped: u64,
    arrived: Arc<Notify>,
}

impl BusState {
    pub(crate) fn wake_all(&self) {
        for subscriber in self.subscribers.values() {
            subscriber.arrived.notify_waiters();
        }
    }

    /// What waits for a node's subscriptions goes with it.
    pub(crate) fn forget_waiting(&mut self, node: &str) {
        for subscriber in self.subscribers.values_mut().filter(|s| s.node == node) {
            subscriber.messages.clear();
        }
    }

    fn subscribe(&mut self, node: &str, pattern: Pattern) -> u64 {
        self.n_subscribed += 1;
        let subscriber = Subscriber {
            node: node.to_owned(),
            pattern,
            messages: BTreeMap::new(),
            last_from: BTreeMap::new(),
            n_dropped: 0,
            arrived: Arc::default(),
        };
        self.subscribers.insert(self.n_subscribed, subscriber);
        self.n_subscribed
    }
}

impl Subscriber {
    fn put(&mut self, at: (Instant, u64), message: Message, n_max: usize) {
        if self.messages.len() >= n_max {
            self.n_dropped += 1;
            return;
        }
        self.messages.insert(at, message);
        self.arrived.notify_waiters();
    }
}

impl State {
    /// Sends to all who subscribe now. Says how many there are whose node is up, whether or not it
    /// gets there.
    fn send_message(&mut self, from: &str, message: &Message, now: Instant, n_max: usize) -> usize {
        let Self { bus, net, chance, .. } = self;
        let mut n_subscribers = 0;
        for subscriber in bus.subscribers.values_mut() {
            let listens = subscriber.pattern.matches(&message.subject);
            if !listens || net.is_down(&subscriber.node) {
                continue;
            }
            n_subscribers += 1;
            if !net.reaches(from, &subscriber.node) {
                continue;
            }
            if chance.happens(chance.plan.bus_drop) {
                chance.counts.n_bus_dropped += 1;
                continue;
            }
            let mut at = now + chance.plan.bus.draw(&mut chance.rng);
            if let Some(last) = subscriber.last_from.get(from) {
                at = at.max(*last);
            }
            subscriber.last_from.insert(from.to_owned(), at);
            bus.n_sent += 1;
            subscriber.put((at, bus.n_sent), message.clone(), n_max);
            if chance.happens(chance.plan.bus_duplicate) {
                chance.counts.n_bus_duplicated += 1;
                bus.n_sent += 1;
                let again = at + chance.plan.bus.draw(&mut chance.rng);
                subscriber.put((again, bus.n_sent), message.clone(), n_max);
            }
        }
        n_subscribers
    }
}

/// A node's client of the bus.
pub(crate) struct MemoryBus {
    pub(crate) shared: Arc<Shared>,
    pub(crate) node: String,
}

impl MemoryBus {
    fn check_size(&self, subject: &Subject, payload: &[u8]) -> Result<(), BusError> {
        let (bytes, bytes_max) = (payload.len(), self.payload_bytes_max());
        if bytes <= bytes_max {
            return Ok(());
        }
        Err(BusError::TooLarge { subject: subject.clone(), bytes, bytes_max })
    }

    /// Fails on a node that is down, after the time that lets others go on.
    async fn check_up(&self, subject: &str) -> Result<(), BusError> {
        tokio::task::yield_now().await;
        if !self.shared.lock().net.is_down(&self.node) {
            return Ok(());
        }
        tokio::time::sleep(self.shared.config.call_timeout).await;
        // A pattern is not a subject: its concrete tokens name it well enough.
        let concrete: Vec<_> = subject.split('.').filter(|t| *t != "*" && *t != ">").collect();
        let named = Subject::new(concrete.join("."));
        let subject = named.or_else(|_| Subject::new("any")).expect("a legal subject");
        Err(BusError::Unavailable { subject, reason: "this node is down".to_owned() })
    }

    fn open(&self, pattern: Pattern) -> MemorySubscription {
        let id = self.shared.lock().bus.subscribe(&self.node, pattern);
        MemorySubscription { shared: Arc::clone(&self.shared), id }
    }

    fn send(&self, message: &Message) -> usize {
        let n_max = self.shared.config.subscription_buffer;
        self.shared.lock().send_message(&self.node, message, Instant::now(), n_max)
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, subject: &Subject, payload: Vec<u8>) -> Result<(), BusError> {
        self.check_size(subject, &payload)?;
        self.check_up(subject.as_str()).await?;
        self.send(&Message { subject: subject.clone(), reply: None, payload });
        Ok(())
    }

    async fn subscribe(&self, pattern: &Pattern) -> Result<Box<dyn Subscription>, BusError> {
        self.check_up(pattern.as_str()).await?;
        Ok(Box::new(self.open(pattern.clone())))
    }

    async fn request(
        &self,
        subject: &Subject,
        payload: Vec<u8>,
        deadline: Duration,
    ) -> Result<Vec<u8>, BusError> {
        self.check_size(subject, &payload)?;
        self.check_up(subject.as_str()).await?;
        let reply = {
            let bus = &mut self.shared.lock().bus;
            bus.n_requested += 1;
            Subject::new(format!("_inbox.{}", bus.n_requested)).expect("two legal tokens")
        };
        let pattern = Pattern::new(reply.as_str()).expect("a subject is a pattern");
        let mut answers = self.open(pattern);
        let message = Message { subject: subject.clone(), reply: Some(reply), payload };
        if self.send(&message) == 0 {
            return Err(BusError::NoResponders { subject: subject.clone() });
        }
        match tokio::time::timeout(deadline, answers.next()).await {
            Ok(Some(answer)) => Ok(answer.payload),
            Ok(None) | Err(_) => Err(BusError::TimedOut { subject: subject.clone(), deadline }),
        }
    }

    fn payload_bytes_max(&self) -> usize {
        self.shared.config.payload_bytes_max
    }
}

/// A running subscription.
struct MemorySubscription {
    shared: Arc<Shared>,
    id: u64,
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(&mut self) -> Option<Message> {
        let arrived = {
            let state = self.shared.lock();
            Arc::clone(&state.bus.subscribers.get(&self.id)?.arrived)
        };
        loop {
            let changed = arrived.notified();
            let arrives_at = {
                let mut state = self.shared.lock();
                let State { bus, net, .. } = &mut *state;
                let subscriber = bus.subscribers.get_mut(&self.id)?;
                let first = subscriber.messages.first_entry();
                match first.filter(|_| !net.is_down(&subscriber.node)) {
                    Some(first) if first.key().0 <= Instant::now() => return Some(first.remove()),
                    Some(first) => Some(first.key().0),
                    None => None,
                }
            };
            wait(changed, arrives_at).await;
        }
    }

    fn n_dropped(&self) -> u64 {
        self.shared.lock().bus.subscribers.get(&self.id).map_or(0, |own| own.n_dropped)
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        self.shared.lock().bus.subscribers.remove(&self.id);
    }
}
