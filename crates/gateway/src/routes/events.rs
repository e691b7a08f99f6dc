//! The log as events: pages, and a stream that goes on where it was cut.
//!
//! Invariant: events come in the total order, each once, whatever reconnects: the id of an event in
//! the stream is `SEQ.N`, the N-th event of the commit SEQ, and a stream resumes after that one.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use callboard_api::message::Event;
use callboard_domain::agent::Agent;
use callboard_domain::id::ActorId;
use callboard_domain::orchestrator::Orchestrator;
use callboard_domain::project::Project;
use callboard_domain::{Entity, record};
use callboard_stdx::error::chain;
use callboard_substrate::log::{Position, Stored};
use callboard_substrate::seal;
use chrono::{DateTime, Utc};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Answer;
use crate::answer::Failure;
use crate::state::State;

/// The events of a page that names no number.
const PAGE_EVENTS: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    from: Option<u64>,
    limit: Option<usize>,
}

pub(super) async fn page(state: web::Data<State>, range: web::Query<Range>) -> Answer<Vec<Event>> {
    let Range { from, limit } = range.into_inner();
    let n_max = state.cfg.page_events_max.max(1);
    let limit = limit.unwrap_or_else(|| PAGE_EVENTS.min(n_max));
    if limit == 0 || limit > n_max {
        return Err(Failure::usage(format!("limit is {limit}; use 1 to {n_max}")));
    }
    let log = &state.parts.substrate.log;
    let read = log.read_all(before(from.unwrap_or_default()), limit);
    let read = tokio::time::timeout(state.command_limit(), read).await;
    let commits = read
        .map_err(|_| Failure::timed_out("the log does not answer"))?
        .map_err(|error| Failure::unreachable(error.to_string()))?;
    let mut events = Vec::new();
    for stored in &commits {
        if events.len() >= limit {
            break;
        }
        events.extend(events_of(stored));
    }
    Ok(web::Json(events))
}

/// The place before `seq`: reading after it begins with `seq`.
fn before(seq: u64) -> Position {
    Position(seq.saturating_sub(1))
}

/// The events of a commit. One that cannot be read is one event that says so.
fn events_of(stored: &Stored) -> Vec<Event> {
    let seq = stored.position.0;
    let unreadable = |actor: String, reason: String| {
        let (kind, data) = ("unreadable".to_owned(), json!({ "reason": reason }));
        vec![Event { seq, actor, at: None, epoch: 0, kind, data }]
    };
    let Some(actor) = ActorId::from_stream(stored.stream.as_str()) else {
        return unreadable(stored.stream.to_string(), "its stream is no actor's".to_owned());
    };
    let sealed = match seal::open(&stored.bytes) {
        Ok(sealed) => sealed,
        Err(error) => return unreadable(actor.to_string(), chain(&error)),
    };
    let decoded = match &actor {
        ActorId::Orchestrator => decode::<Orchestrator>(sealed.body),
        ActorId::Project(_) => decode::<Project>(sealed.body),
        ActorId::Agent(_) => decode::<Agent>(sealed.body),
        ActorId::Placement | ActorId::Node(_) => Err("its actor keeps no events".to_owned()),
    };
    let events = match decoded {
        Ok(events) => events,
        Err(reason) => return unreadable(actor.to_string(), reason),
    };
    let at = DateTime::parse_from_rfc3339(&sealed.header.at).ok();
    let event = |data: Value| Event {
        seq,
        actor: actor.to_string(),
        at: at.map(|at| at.with_timezone(&Utc)),
        epoch: sealed.header.epoch,
        kind: data.get("type").and_then(Value::as_str).unwrap_or_default().to_owned(),
        data,
    };
    events.into_iter().map(event).collect()
}

fn decode<E: Entity>(body: &[u8]) -> Result<Vec<Value>, String> {
    let events = record::decode::<E>(body).map_err(|error| chain(&error))?;
    let values = events.iter().map(serde_json::to_value).collect::<Result<_, _>>();
    values.map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    from: Option<u64>,
}

pub(super) async fn stream(
    state: web::Data<State>,
    start: web::Query<Start>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let seen = request.headers().get("Last-Event-ID");
    let seen = seen.map(|id| id.to_str().unwrap_or_default());
    let (after, begun) = match seen {
        Some(id) => last_seen(id)?,
        None => (before(start.from.unwrap_or_default()), None),
    };
    let permit = state.long_request()?;
    let stopping = state.stopping();
    let state = State::clone(&state);
    let tail = Tail { state, after, begun, is_open: false, n_errors: 0, stopping, _permit: permit };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(tail.stream()))
}

/// Reads the id of the last event that a client saw: `SEQ.N`, or `SEQ` for the whole commit.
fn last_seen(id: &str) -> Result<(Position, Option<(Position, usize)>), Failure> {
    let bad = || {
        let id: String = id.chars().take(40).collect();
        Failure::usage(format!("Last-Event-ID {id:?} is none of this stream's: they are SEQ.N"))
    };
    match id.split_once('.') {
        None => Ok((Position(id.parse().map_err(|_| bad())?), None)),
        Some((seq, n)) => {
            let seq: u64 = seq.parse().map_err(|_| bad())?;
            let n: usize = n.parse().map_err(|_| bad())?;
            Ok((before(seq), Some((Position(seq), n))))
        }
    }
}

/// One client's stream.
struct Tail {
    state: State,
    /// The last commit that was sent as a whole.
    after: Position,
    /// A commit of which the client has some events, and how many.
    begun: Option<(Position, usize)>,
    is_open: bool,
    n_errors: u32,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Tail {
    fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut tail| async move {
            let bytes = tail.next().await?;
            Some((Ok(bytes), tail))
        })
    }

    /// The next bytes to send; `None` when the interface stops.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.is_open {
            self.is_open = true;
            return Some(Bytes::from_static(b"retry: 1000\n: callboard events\n\n"));
        }
        let cfg = &self.state.cfg;
        let heartbeat = Duration::from_millis(cfg.heartbeat_ms.max(1));
        let log = &self.state.parts.substrate.log;
        let read = log.tail(self.after, cfg.stream_batch.max(1));
        let read = tokio::select! {
            _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            read = read => read,
            () = tokio::time::sleep(heartbeat) => {
                return Some(Bytes::from_static(b": still here\n\n"));
            }
        };
        match read {
            Ok(commits) => {
                self.n_errors = 0;
                Some(self.send(&commits))
            }
            Err(error) => {
                tracing::warn!(%error, "log not read for an event stream");
                let delay = cfg.retry.delay(self.n_errors, self.state.parts.clock.random());
                self.n_errors = self.n_errors.saturating_add(1);
                tokio::select! {
                    _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                    () = tokio::time::sleep(delay) => {}
                }
                Some(Bytes::from_static(b": the log cannot be read at present\n\n"))
            }
        }
    }

    fn send(&mut self, commits: &[Stored]) -> Bytes {
        let mut text = String::new();
        for stored in commits {
            let begun = self.begun.filter(|(position, _)| *position == stored.position);
            let skip = begun.map_or(0, |(_, n)| n);
            for (idx, event) in events_of(stored).iter().enumerate().skip(skip) {
                let json = serde_json::to_string(event).expect("an event has only string keys");
                text.push_str(&format!("id: {}.{}\ndata: {json}\n\n", event.seq, idx + 1));
            }
            self.after = stored.position;
        }
        if text.is_empty() {
            text.push_str(": nothing new\n\n");
        }
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_what_was_seen() {
        assert_eq!(last_seen("17.2").ok(), Some((Position(16), Some((Position(17), 2)))));
        assert_eq!(last_seen("17").ok(), Some((Position(17), None)));
        for bad in ["", "x", "1.", ".1", "1.x", "-1", "1.2.3"] {
            assert!(last_seen(bad).is_err(), "{bad}");
        }
    }
}
