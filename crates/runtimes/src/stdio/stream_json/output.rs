//! Messages that people read: text, tool calls, retries and limits.

use callboard_agent::event::Event;
use serde_json::Value;

use super::codec::{Codec, Config};
use super::messages::{Block, Content, RateLimitInfo, Said, System};
use crate::codec::Fed;

/// The input fields that say best what a tool call is about, best first.
const TELLING_FIELDS: [&str; 9] = [
    "command",
    "file_path",
    "notebook_path",
    "path",
    "pattern",
    "url",
    "query",
    "description",
    "prompt",
];
const DETAIL_LEN_MAX: usize = 500;

/// The model speaks or calls tools.
pub(super) fn assistant(cfg: &Config, said: Said, fed: &mut Fed) {
    let is_subagent = said.parent_tool_use_id.is_some();
    match said.message.content {
        Content::Text(words) => fed.events.push(text(cfg, &words)),
        Content::Blocks(blocks) => {
            for block in blocks {
                match block {
                    Block::Text { text: words } if !words.is_empty() => {
                        fed.events.push(text(cfg, &words));
                    }
                    Block::ToolUse { id, name, input } => {
                        let tool = if is_subagent { format!("subagent: {name}") } else { name };
                        let detail = detail(&input);
                        fed.events.push(Event::ToolStarted { call: id, tool, detail });
                    }
                    Block::Text { .. } | Block::ToolResult { .. } | Block::Unknown => {}
                }
            }
        }
    }
}

/// Tools answer the model.
pub(super) fn user(said: Said, fed: &mut Fed) {
    let Content::Blocks(blocks) = said.message.content else { return };
    for block in blocks {
        if let Block::ToolResult { tool_use_id, is_error } = block {
            let failed = is_error.unwrap_or(false);
            fed.events.push(Event::ToolEnded { call: tool_use_id, failed });
        }
    }
}

/// The program says which conversation it holds.
pub(super) fn initialised(codec: &Codec, session: &str, fed: &mut Fed) {
    if session != codec.session {
        let words = format!(
            "the program goes on in conversation {session}, not in {}: it cannot be resumed",
            codec.session
        );
        fed.events.push(text(&codec.cfg, &words));
    }
}

/// The provider failed and the program tries again.
pub(super) fn retried(cfg: &Config, retry: System, fed: &mut Fed) {
    let System::ApiRetry { attempt, max_retries, retry_delay_ms, error_status, error } = retry
    else {
        return;
    };
    let status = error_status.map_or_else(|| "no answer".to_owned(), |s| format!("status {s}"));
    let error = error.unwrap_or_default();
    let words = format!("provider failed ({status}, {error}), retry {attempt} of {max_retries}");
    fed.events.push(match error_status {
        Some(429 | 529) => Event::RateLimited {
            // A float cast saturates, so a wild number does no harm.
            retry_after_s: Some((retry_delay_ms / 1_000.0).ceil() as u64),
            text: words,
        },
        _ => text(cfg, &words),
    });
}

/// The provider tells how much of an allowance is left.
pub(super) fn rate_limited(info: &RateLimitInfo, fed: &mut Fed) {
    if info.status != "rejected" {
        return;
    }
    let kind = info.rate_limit_type.as_deref().unwrap_or("allowance");
    let resets = info.resets_at.map(|at| format!(", resets at {at} s since 1970"));
    let text = format!("{kind} is used up{}", resets.unwrap_or_default());
    fed.events.push(Event::RateLimited { retry_after_s: None, text });
}

/// Text for people, cut to the limit.
pub(super) fn text(cfg: &Config, text: &str) -> Event {
    Event::Output { text: cut(text, cfg.text_len_max) }
}

/// A line that is no message of the protocol.
pub(super) fn unreadable(cfg: &Config, why: &str, line: &[u8]) -> Event {
    let head = &line[..line.len().min(DETAIL_LEN_MAX)];
    text(cfg, &format!("{} ({why})", String::from_utf8_lossy(head)))
}

/// What a tool call is about, in one line.
pub(super) fn detail(input: &Value) -> String {
    let field = TELLING_FIELDS.iter().find_map(|field| input.get(field)?.as_str());
    let text = field.map_or_else(|| input.to_string(), str::to_owned);
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), DETAIL_LEN_MAX)
}

/// The beginning of a text, at most so many bytes, with a mark where it was cut.
pub(super) fn cut(text: &str, len_max: usize) -> String {
    if text.len() <= len_max {
        return text.to_owned();
    }
    const MARK: &str = "…";
    let end = text.floor_char_boundary(len_max.saturating_sub(MARK.len()));
    format!("{}{MARK}", &text[..end])
}
