//! The event stream: it goes on where it was cut, with neither gap nor repeat.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use callboard_api::message::Event;
use ureq::BodyReader;

use crate::Error;
use crate::http::Http;

/// Events as they happen. It waits for the next one for ever, connects anew where the connection is
/// cut, and ends with an error when that failed too often.
pub struct Events {
    http: Http,
    from: u64,
    last_id: Option<String>,
    reader: Option<BufReader<BodyReader<'static>>>,
    n_failures: u32,
    is_over: bool,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("last_id", &self.last_id).finish_non_exhaustive()
    }
}

/// What one line of the stream means.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Id(String),
    Data(String),
    /// The event is complete.
    End,
    Other,
}

impl Events {
    pub(crate) fn new(http: Http, from: u64) -> Self {
        Self { http, from, last_id: None, reader: None, n_failures: 0, is_over: false }
    }

    /// The next event; `None` where the connection was cut.
    fn read(&mut self) -> Result<Option<Event>, Error> {
        let limit = self.http.cfg.answer_bytes_max;
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let (mut id, mut data) = (None, None);
        loop {
            let mut line = Vec::new();
            let read = reader.by_ref().take(limit).read_until(b'\n', &mut line);
            if !matches!(read, Ok(1..)) {
                return Ok(None);
            }
            if line.pop() != Some(b'\n') {
                // Cut in the middle: the event comes again, whole. Or endless.
                let too_long = line.len() as u64 + 1 >= limit;
                let error =
                    || self.http.bad_answer(format!("an event has more than {limit} bytes"));
                return if too_long { Err(error()) } else { Ok(None) };
            }
            match parse(&String::from_utf8_lossy(&line)) {
                Line::Id(text) => id = Some(text),
                Line::Data(text) => data = Some(text),
                Line::Other => {}
                Line::End => {
                    let Some(data) = data.take() else { continue };
                    let event = serde_json::from_str(&data);
                    let event = event.map_err(|error| self.http.bad_answer(error.to_string()))?;
                    self.last_id = id.take().or_else(|| self.last_id.take());
                    return Ok(Some(event));
                }
            }
        }
    }

    fn connect(&mut self) -> Result<(), Error> {
        let path = format!("/events/stream?from={}", self.from);
        let body = self.http.stream(&path, self.last_id.as_deref())?;
        let reader = body.into_with_config().limit(u64::MAX).reader();
        self.reader = Some(BufReader::new(reader));
        Ok(())
    }

    /// Connects anew after a cut, as often as allowed.
    fn reconnect(&mut self) -> Result<(), Error> {
        loop {
            let error = match self.connect() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let may_pass = matches!(error, Error::Unreachable { .. } | Error::TimedOut { .. });
            if !may_pass || self.n_failures >= self.http.cfg.reconnects_max {
                return Err(error);
            }
            self.n_failures += 1;
            pause(Duration::from_millis(self.http.cfg.reconnect_ms));
        }
    }

    fn wait(&mut self) -> Result<Event, Error> {
        loop {
            if self.reader.is_none() {
                self.reconnect()?;
            }
            if let Some(event) = self.read()? {
                self.n_failures = 0;
                return Ok(event);
            }
            self.reader = None;
            self.n_failures += 1;
            if self.n_failures > self.http.cfg.reconnects_max {
                let reason = "the event stream is cut again and again".to_owned();
                return Err(Error::Unreachable { url: self.http.url.clone(), reason });
            }
        }
    }
}

impl Iterator for Events {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let event = self.wait();
        self.is_over = event.is_err();
        Some(event)
    }
}

#[expect(clippy::disallowed_methods, reason = "the client is blocking and has no runtime")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn parse(line: &str) -> Line {
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Line::End;
    }
    let value = |text: &str| text.strip_prefix(' ').unwrap_or(text).to_owned();
    match line.split_once(':') {
        Some(("id", text)) => Line::Id(value(text)),
        Some(("data", text)) => Line::Data(value(text)),
        _ => Line::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_stream_are_told_apart() {
        assert_eq!(parse("id: 17.2"), Line::Id("17.2".to_owned()));
        assert_eq!(parse("data:{}\r"), Line::Data("{}".to_owned()));
        assert_eq!(parse(""), Line::End);
        assert_eq!(parse(": still here"), Line::Other);
        assert_eq!(parse("retry: 1000"), Line::Other);
    }
}
