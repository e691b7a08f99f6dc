//! Cases of the bus: delivery, wildcards, requests, the slow subscriber.

use std::time::Duration;

use callboard_stdx::task::{self, Kind, Task};

use super::Harness;
use super::support::eventually;
use crate::bus::{BusError, Message, Subscription};
use crate::name::{Pattern, Subject};

/// A deadline that is never reached where somebody answers.
const SOON: Duration = Duration::from_secs(5);

/// Every subscriber gets every message, in the publisher's order.
pub async fn message_reaches_every_subscriber_in_order<H: Harness>() {
    let harness = H::start().await;
    let publisher = harness.client().await.bus;
    let n = harness.subscription_buffer().min(20);
    let mut subscribers = Vec::new();
    for _ in 0..3 {
        let bus = harness.client().await.bus;
        subscribers.push(bus.subscribe(&pattern("node.a")).await.expect("subscribed"));
    }
    publisher.publish(&subject("node.b"), b"elsewhere".to_vec()).await.expect("sent");
    for idx in 0..n {
        let payload = if idx == 0 { Vec::new() } else { idx.to_string().into_bytes() };
        publisher.publish(&subject("node.a"), payload).await.expect("sent");
    }
    for subscriber in &mut subscribers {
        for idx in 0..n {
            let payload = if idx == 0 { Vec::new() } else { idx.to_string().into_bytes() };
            let expected = Message { subject: subject("node.a"), reply: None, payload };
            assert_eq!(next(&harness, subscriber).await, expected);
        }
        assert_eq!(subscriber.n_dropped(), 0);
    }
}

/// `*` is one token, a last `>` one or more.
pub async fn wildcards_match_by_token<H: Harness>() {
    let harness = H::start().await;
    let bus = harness.client().await.bus;
    let cases = [
        ("w.node.*", &["w.node.a", "w.node.b"][..]),
        ("w.node.>", &["w.node.a", "w.node.a.beat", "w.node.b"]),
        ("w.*.a", &["w.node.a", "w.agent.a"]),
        ("w.*.*.beat", &["w.node.a.beat"]),
        ("w.node.a", &["w.node.a"]),
        ("w.>", &["w.node.a", "w.node.a.beat", "w.agent.a", "w.node.b", "w.end"]),
    ];
    let mut subscribers = Vec::new();
    for (wanted, _) in cases {
        subscribers.push(bus.subscribe(&pattern(wanted)).await.expect("subscribed"));
    }
    for name in ["w.node.a", "w.node.a.beat", "w.agent.a", "w.node.b", "w.end"] {
        bus.publish(&subject(name), name.into()).await.expect("sent");
    }
    for (subscriber, (wanted, expected)) in subscribers.iter_mut().zip(cases) {
        for name in expected {
            let message = next(&harness, subscriber).await;
            assert_eq!(message.subject.as_str(), *name, "{wanted}");
            assert_eq!(message.payload, name.as_bytes());
        }
    }
    // Nothing more: the next message of each is one that it asked for.
    for (subscriber, (wanted, expected)) in subscribers.iter_mut().zip(cases) {
        bus.publish(&subject(expected[0]), b"last".to_vec()).await.expect("sent");
        loop {
            let message = next(&harness, subscriber).await;
            assert!(pattern(wanted).matches(&message.subject));
            assert_eq!(message.payload, b"last", "{wanted} got one too many");
            if message.subject.as_str() == expected[0] {
                break;
            }
        }
    }
}

/// Requests in flight at the same time each get their own answer.
pub async fn request_gets_its_own_answer<H: Harness>() {
    let harness = H::start().await;
    let _server = echo(&harness, "node.*").await;
    let bus = harness.client().await.bus;
    let requests = (0..8).map(|idx| {
        let bus = bus.clone();
        async move {
            let payload = vec![b'0' + idx];
            bus.request(&subject(&format!("node.n{idx}")), payload, SOON).await
        }
    });
    let answers = futures_util::future::join_all(requests).await;
    for (idx, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.expect("answered"), format!("node.n{idx}:{idx}").into_bytes());
    }
}

/// A request to a subject without subscriber fails at once, before any deadline, also after the
/// last subscriber left.
pub async fn request_without_responder_says_so<H: Harness>() {
    let harness = H::start().await;
    let bus = harness.client().await.bus;
    let nobody = |refused: Result<Vec<u8>, BusError>| match refused {
        Err(error @ BusError::NoResponders { .. }) => assert!(error.retryable()),
        other => panic!("no responders was to come, not {other:?}"),
    };
    let ask =
        || async { bus.request(&subject("node.a"), b"there?".to_vec(), harness.patience()).await };
    nobody(ask().await);
    let server = echo(&harness, "node.a").await;
    assert_eq!(ask().await.expect("answered"), b"node.a:there?");
    drop(server);
    let refused = eventually(harness.patience(), "the subscriber's end", async || {
        let bus = harness.client().await.bus;
        let moment = Duration::from_millis(50);
        match bus.request(&subject("node.a"), b"there?".to_vec(), moment).await {
            Err(BusError::TimedOut { .. }) | Ok(_) => None,
            end => Some(end),
        }
    })
    .await;
    nobody(refused);
}

/// A request that nobody answers ends at its deadline and says so; a late answer harms nothing.
pub async fn request_ends_at_its_deadline<H: Harness>() {
    let harness = H::start().await;
    let bus = harness.client().await.bus;
    let mut silent = bus.subscribe(&pattern("node.a")).await.expect("subscribed");
    let deadline = Duration::from_millis(80);
    let started = tokio::time::Instant::now();
    let refused = bus.request(&subject("node.a"), b"there?".to_vec(), deadline).await;
    let waited = started.elapsed();
    match refused {
        Err(error @ BusError::TimedOut { deadline: told, .. }) => {
            assert_eq!(told, deadline);
            assert!(!error.retryable(), "the request may have had an effect");
        }
        other => panic!("a time-out was to come, not {other:?}"),
    }
    assert!(waited >= deadline && waited < deadline + SOON, "it waited {waited:?}");
    let late = next(&harness, &mut silent).await;
    bus.publish(&late.reply.expect("a request has a reply"), b"late".to_vec()).await.expect("sent");
    drop(silent);
    let _server = echo(&harness, "node.b").await;
    let answer = bus.request(&subject("node.b"), b"there?".to_vec(), SOON).await;
    assert_eq!(answer.expect("answered"), b"node.b:there?");
}

/// A subscriber that takes nothing holds a bounded number of messages; every other one is counted,
/// nobody else is held up, and it goes on afterwards.
pub async fn slow_subscriber_loses_only_what_is_counted<H: Harness>() {
    let harness = H::start().await;
    let bus = harness.client().await.bus;
    let mut slow = bus.subscribe(&pattern("out.a")).await.expect("subscribed");
    let mut quick = bus.subscribe(&pattern("out.>")).await.expect("subscribed");
    let n = 3 * harness.subscription_buffer();
    for idx in 0..n {
        bus.publish(&subject("out.a"), idx.to_string().into_bytes()).await.expect("sent");
        assert_eq!(next(&harness, &mut quick).await.payload, idx.to_string().into_bytes());
    }
    eventually(harness.patience(), "the loss", async || (slow.n_dropped() > 0).then_some(())).await;
    assert_eq!(quick.n_dropped(), 0);
    bus.publish(&subject("out.a"), b"end".to_vec()).await.expect("sent");
    let mut taken = Vec::new();
    loop {
        if taken.len() as u64 + slow.n_dropped() == n as u64 + 1 {
            break;
        }
        let message = next(&harness, &mut slow).await;
        taken.push(String::from_utf8(message.payload).expect("text"));
        assert!(taken.len() <= harness.subscription_buffer() + 1, "the buffer has no bound");
    }
    let numbers: Vec<usize> = taken.iter().filter_map(|text| text.parse().ok()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "what is left is in order");
    bus.publish(&subject("out.a"), b"after".to_vec()).await.expect("sent");
    assert_eq!(next(&harness, &mut slow).await.payload, b"after");
}

/// A payload at the limit is sent; one over it is not, and the error has both sizes.
pub async fn oversize_payload_is_not_sent<H: Harness>() {
    let harness = H::start().await;
    let bus = harness.client().await.bus;
    let mut subscriber = bus.subscribe(&pattern("node.a")).await.expect("subscribed");
    let bytes_max = bus.payload_bytes_max();
    let over = vec![b'x'; bytes_max + 1];
    for refused in [
        bus.publish(&subject("node.a"), over.clone()).await.err(),
        bus.request(&subject("node.a"), over, SOON).await.err(),
    ] {
        match refused {
            Some(BusError::TooLarge { bytes, bytes_max: told, .. }) => {
                assert_eq!((bytes, told), (bytes_max + 1, bytes_max));
            }
            other => panic!("too large was to come, not {other:?}"),
        }
    }
    bus.publish(&subject("node.a"), vec![b'x'; bytes_max]).await.expect("at the limit");
    assert_eq!(next(&harness, &mut subscriber).await.payload.len(), bytes_max);
}

fn subject(name: &str) -> Subject {
    Subject::new(name).expect("the suite's names are legal")
}

fn pattern(name: &str) -> Pattern {
    Pattern::new(name).expect("the suite's names are legal")
}

async fn next<H: Harness>(harness: &H, subscription: &mut Box<dyn Subscription>) -> Message {
    let next = tokio::time::timeout(harness.patience(), subscription.next()).await;
    next.expect("a message in time").expect("the substrate is open")
}

/// Answers each request with `<subject>:<payload>`, until it is dropped.
async fn echo<H: Harness>(harness: &H, name: &str) -> Task<()> {
    let bus = harness.client().await.bus;
    let mut requests = bus.subscribe(&pattern(name)).await.expect("subscribed");
    task::spawn(Kind::Service, "echo", async move {
        while let Some(request) = requests.next().await {
            let Some(reply) = request.reply else { continue };
            let mut answer = format!("{}:", request.subject).into_bytes();
            answer.extend(request.payload);
            bus.publish(&reply, answer).await.expect("sent");
        }
    })
}
