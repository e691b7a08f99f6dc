//! The part of an Anthropic Messages request that decides the reply. Unknown fields are ignored.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Request {
    pub(super) model: String,
    pub(super) max_tokens: Option<u64>,
    pub(super) stream: bool,
    pub(super) system: Content,
    pub(super) messages: Vec<Message>,
    pub(super) tools: Vec<Tool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) role: String,
    #[serde(default)]
    pub(super) content: Content,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// Only text blocks have a text: what a tool printed is no instruction.
#[derive(Debug, Deserialize)]
pub(super) struct Block {
    #[serde(default)]
    pub(super) text: String,
}

impl Content {
    /// The texts of its blocks, in order.
    pub(super) fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::Blocks(blocks) => blocks.iter().map(|block| block.text.as_str()).collect(),
        }
    }
}
