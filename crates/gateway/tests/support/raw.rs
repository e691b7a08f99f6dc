//! Requests as any program could send them, and answers with everything fleeting taken out.

use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Node, TOKEN};

/// A request to be changed and sent.
pub(crate) struct Raw<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a str,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Raw<'a> {
    pub(crate) fn new(method: &'a str, path: &'a str, body: &'a str) -> Self {
        Self { method, path, body, headers: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends it as it is: status and body.
    pub(crate) fn send_bare(self, node: &Node) -> (u16, Value) {
        let url = format!("{}{}", node.url, self.path);
        let mut request = ureq::http::Request::builder().method(self.method).uri(url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
        let request = request.body(self.body.to_owned()).expect("a request");
        let mut answer = agent.new_agent().run(request).expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        let body = serde_json::from_str(&text).unwrap_or_else(|_| json!({ "not json": text }));
        (answer.status().as_u16(), body)
    }

    /// Sends it with the token.
    pub(crate) fn send(self, node: &Node) -> (u16, Value) {
        let authorization = format!("Bearer {TOKEN}");
        let Raw { method, path, body, mut headers } = self;
        headers.push(("Authorization", &authorization));
        Raw { method, path, body, headers }.send_bare(node)
    }
}

/// A GET that must work, with times and ids replaced.
pub(crate) fn shape(node: &Node, path: &str) -> Value {
    let (status, mut body) = Raw::new("GET", &format!("/api/v1{path}"), "").send(node);
    assert_eq!(status, 200, "{path}: {body}");
    redact(&mut body);
    body
}

fn redact(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(redact),
        Value::Object(fields) => fields.values_mut().for_each(redact),
        Value::String(text) if DateTime::parse_from_rfc3339(text).is_ok() => {
            *text = "[time]".to_owned();
        }
        Value::String(text) if Uuid::parse_str(text).is_ok() => *text = "[id]".to_owned(),
        Value::String(text) if text.contains("score") => *text = "[decision]".to_owned(),
        _ => {}
    }
}
