//! The marks by which a node finds its own processes again: variables in their environment.

use crate::Environment;
use crate::proc_table::variable;

/// Who owns a process tree. Every process of the tree carries it, unless it cleans its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// The agent, or another name for what the tree is for.
    pub agent: String,
    /// The epoch of the agent's incarnation.
    pub epoch: u64,
    /// The id of the node's data folder.
    pub owner: String,
}

const AGENT: &str = "CALLBOARD_AGENT";
const EPOCH: &str = "CALLBOARD_EPOCH";
const OWNER: &str = "CALLBOARD_OWNER";
const TREE: &str = "CALLBOARD_TREE";

impl Marks {
    /// `tree` tells two trees of one agent apart.
    pub(crate) fn put_into(&self, env: &mut Environment, tree: &str) {
        env.set(AGENT, &self.agent);
        env.set(EPOCH, self.epoch.to_string());
        env.set(OWNER, &self.owner);
        env.set(TREE, tree);
    }

    /// Whether what `/proc/<pid>/environ` holds marks this one tree.
    pub(crate) fn is_tree(environ: &[u8], tree: &str) -> bool {
        variable(environ, TREE) == Some(tree.as_bytes())
    }

    /// The marks in what `/proc/<pid>/environ` holds.
    pub(crate) fn read(environ: &[u8]) -> Option<Self> {
        let text = |name| Some(String::from_utf8_lossy(variable(environ, name)?).into_owned());
        Some(Self { agent: text(AGENT)?, epoch: text(EPOCH)?.parse().ok()?, owner: text(OWNER)? })
    }
}
