//! One request and its answer, over ureq.

use std::time::Duration;

use callboard_api::PREFIX;
use callboard_api::error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::{Config, Error};

/// Sends requests to one node.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    agent: Agent,
    pub(crate) url: String,
    authorization: String,
    pub(crate) cfg: Config,
}

/// Which limit an answer has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    Usual,
    Long,
}

impl Http {
    pub(crate) fn new(url: &str, token: &str, cfg: Config) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // A node is on this machine: a proxy would only leak the token.
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_millis(cfg.connect_ms)))
            .build()
            .new_agent();
        let url = url.trim_end_matches('/').to_owned();
        Self { agent, url, authorization: format!("Bearer {}", token.trim()), cfg }
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let request = self.agent.get(format!("{}{PREFIX}{path}", self.url));
        let request = request.header("Authorization", &self.authorization);
        let limit = Duration::from_millis(self.cfg.answer_ms);
        let sent = request.config().timeout_global(Some(limit)).build().call();
        self.answer(sent)
    }

    /// Whether a path that needs no token answers.
    pub(crate) fn get_open(&self, path: &str) -> Result<(), Error> {
        let limit = Duration::from_millis(self.cfg.answer_ms);
        let request = self.agent.get(format!("{}{path}", self.url));
        let sent = request.config().timeout_global(Some(limit)).build().call();
        self.answer::<serde_json::Value>(sent).map(|_| ())
    }

    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        wait: Wait,
    ) -> Result<T, Error> {
        let request = self.agent.post(format!("{}{PREFIX}{path}", self.url));
        let request = request.header("Authorization", &self.authorization);
        let limit_ms = match wait {
            Wait::Usual => self.cfg.answer_ms,
            Wait::Long => self.cfg.long_ms,
        };
        let limit = Some(Duration::from_millis(limit_ms));
        self.answer(request.config().timeout_global(limit).build().send_json(body))
    }

    /// Opens an event stream, after the event with this id where there is one.
    pub(crate) fn stream(&self, path: &str, last_id: Option<&str>) -> Result<Body, Error> {
        let mut request = self.agent.get(format!("{}{PREFIX}{path}", self.url));
        request = request.header("Authorization", &self.authorization);
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        let silence = Some(Duration::from_millis(self.cfg.silence_ms));
        let request = request
            .config()
            .timeout_recv_response(Some(Duration::from_millis(self.cfg.answer_ms)))
            .timeout_per_read(silence)
            .build();
        let response = request.call().map_err(|error| self.not_sent(&error))?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        Err(self.refused(response))
    }

    fn answer<T: DeserializeOwned>(
        &self,
        sent: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, Error> {
        let mut response = sent.map_err(|error| self.not_sent(&error))?;
        if !response.status().is_success() {
            return Err(self.refused(response));
        }
        let body = response.body_mut().with_config().limit(self.cfg.answer_bytes_max);
        let bytes = body.read_to_vec().map_err(|error| self.not_sent(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| self.bad_answer(error.to_string()))
    }

    /// The error that a node answers.
    fn refused(&self, mut response: Response<Body>) -> Error {
        let status = response.status();
        let body = response.body_mut().with_config().limit(self.cfg.answer_bytes_max);
        let bytes = match body.read_to_vec() {
            Ok(bytes) => bytes,
            Err(error) => return self.not_sent(&error),
        };
        match serde_json::from_slice::<error::Error>(&bytes) {
            Ok(error) => Error::Answer(error),
            Err(_) => self.bad_answer(format!("it is {status}, and says no error of callboard's")),
        }
    }

    pub(crate) fn bad_answer(&self, reason: String) -> Error {
        Error::BadAnswer { url: self.url.clone(), reason }
    }

    fn not_sent(&self, error: &ureq::Error) -> Error {
        use ureq::Timeout;
        let (url, reason) = (self.url.clone(), error.to_string());
        match error {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve)
            | ureq::Error::Io(_)
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed => Error::Unreachable { url, reason },
            ureq::Error::Timeout(_) => Error::TimedOut { url, reason },
            _ => Error::BadAnswer { url, reason },
        }
    }
}

/// A text as one segment of a path, or one value of a query.
pub(crate) fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_hold_any_text() {
        assert_eq!(segment("calendar-dev_1"), "calendar-dev_1");
        assert_eq!(segment("../a b?ä"), "%2E%2E%2Fa%20b%3F%C3%A4");
    }
}
