//! Reads the program's own record of a conversation for what a resume must know. Pure.

use std::collections::BTreeMap;

use super::messages::{Block, Content, Message};
use super::output;

/// The tool call that was running when the conversation broke off, in one sentence.
///
/// `record` is the end of a session file; a first line that is cut is skipped like all that is no
/// message.
#[must_use]
pub fn in_flight(record: &str) -> Option<String> {
    let mut open = BTreeMap::new();
    for message in record.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        let (Message::Assistant(said) | Message::User(said)) = message else { continue };
        let Content::Blocks(blocks) = said.message.content else { continue };
        for block in blocks {
            match block {
                Block::ToolUse { id, name, input } => {
                    open.insert(id, format!("{name} {}", output::detail(&input)));
                }
                Block::ToolResult { tool_use_id, .. } => {
                    open.remove(&tool_use_id);
                }
                Block::Text { .. } | Block::Unknown => {}
            }
        }
    }
    let calls: Vec<_> = open.into_values().collect();
    (!calls.is_empty()).then(|| format!("the outcome is unknown of: {}", calls.join("; ")))
}
