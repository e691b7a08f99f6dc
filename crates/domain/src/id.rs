//! Typed names and ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A name that breaks the rule `[A-Za-z0-9_-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "failed to accept {kind} {name:?}: use 1 to 64 letters, digits, '-' or '_'; it must not begin with '-'"
)]
pub struct BadName {
    /// What was to be named.
    pub kind: &'static str,
    /// The refused text, cut to 80 characters.
    pub name: String,
}

/// The longest name, in bytes.
pub const NAME_LEN_MAX: usize = 64;

fn check(kind: &'static str, name: &str) -> Result<(), BadName> {
    let legal = (1..=NAME_LEN_MAX).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if legal {
        return Ok(());
    }
    Err(BadName { kind, name: name.chars().take(80).collect() })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks a name.
            ///
            /// # Errors
            /// [`BadName`] with the rule.
            pub fn new(name: impl Into<String>) -> Result<Self, BadName> {
                let name = name.into();
                check($kind, &name)?;
                Ok(Self(name))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadName;
            fn try_from(name: String) -> Result<Self, BadName> {
                Self::new(name)
            }
        }

        impl FromStr for $type {
            type Err = BadName;
            fn from_str(name: &str) -> Result<Self, BadName> {
                Self::new(name)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A project's name, unique in the cluster.
    ProjectId, "project"
);
name!(
    /// An agent's name, unique in the cluster: `<project>-<role>-<n>` unless a person named it.
    AgentId, "agent"
);
name!(
    /// A task's name, unique in the cluster: `<project>-<n>`.
    TaskId, "task"
);
name!(
    /// A node's name, unique in the cluster.
    NodeName, "node"
);
name!(
    /// What an agent is for: `backend-systems-engineer`, `qa-engineer` …
    Role, "role"
);
name!(
    /// A runtime's or program's name: `scripted`, `claude` …
    ProgramName, "runtime"
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(pub Uuid);

        impl FromStr for $type {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A message's id, given by its sender or made when it is accepted.
    MessageId
);
uuid_id!(
    /// A permission request's id.
    ApprovalId
);

/// Who an actor is. As text: `orchestrator`, `project/<id>`, `agent/<id>`, `node/<name>`,
/// `placement`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ActorId {
    /// The orchestrator of the cluster.
    Orchestrator,
    /// The placement actor of the cluster.
    Placement,
    /// A project manager.
    Project(ProjectId),
    /// An agent.
    Agent(AgentId),
    /// A node.
    Node(NodeName),
}

impl ActorId {
    /// The name of its stream in the log: `<kind>.<id>`.
    #[must_use]
    pub fn stream(&self) -> String {
        match self {
            Self::Orchestrator => "orchestrator.main".to_owned(),
            Self::Placement => "placement.main".to_owned(),
            Self::Project(id) => format!("project.{id}"),
            Self::Agent(id) => format!("agent.{id}"),
            Self::Node(name) => format!("node.{name}"),
        }
    }

    /// The actor of a stream name, the inverse of [`ActorId::stream`].
    #[must_use]
    pub fn from_stream(stream: &str) -> Option<Self> {
        match stream {
            "orchestrator.main" => Some(Self::Orchestrator),
            "placement.main" => Some(Self::Placement),
            _ => stream.split_once('.').and_then(|(kind, id)| format!("{kind}/{id}").parse().ok()),
        }
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Orchestrator => f.write_str("orchestrator"),
            Self::Placement => f.write_str("placement"),
            Self::Project(id) => write!(f, "project/{id}"),
            Self::Agent(id) => write!(f, "agent/{id}"),
            Self::Node(name) => write!(f, "node/{name}"),
        }
    }
}

/// A text that names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "failed to read actor {0:?}: use orchestrator, placement, project/NAME, agent/NAME or node/NAME"
)]
pub struct BadActorId(pub String);

impl FromStr for ActorId {
    type Err = BadActorId;

    fn from_str(text: &str) -> Result<Self, BadActorId> {
        let bad = || BadActorId(text.chars().take(80).collect());
        match text.split_once('/') {
            None if text == "orchestrator" => Ok(Self::Orchestrator),
            None if text == "placement" => Ok(Self::Placement),
            Some(("project", id)) => id.parse().map(Self::Project).map_err(|_| bad()),
            Some(("agent", id)) => id.parse().map(Self::Agent).map_err(|_| bad()),
            Some(("node", name)) => name.parse().map(Self::Node).map_err(|_| bad()),
            _ => Err(bad()),
        }
    }
}

impl TryFrom<String> for ActorId {
    type Error = BadActorId;
    fn try_from(text: String) -> Result<Self, BadActorId> {
        text.parse()
    }
}

impl From<ActorId> for String {
    fn from(id: ActorId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_read_back_from_text_and_stream() {
        for text in ["orchestrator", "placement", "project/a", "agent/a-1", "node/n_1"] {
            let id: ActorId = text.parse().expect("legal");
            assert_eq!(id.to_string(), text);
            assert_eq!(ActorId::from_stream(&id.stream()), Some(id));
        }
        for text in ["", "agent", "agent/", "agent/a b", "x/y", "agent/a/b"] {
            assert!(text.parse::<ActorId>().is_err(), "{text:?}");
        }
    }
}
