//! The names of the cluster's buckets and subjects, built in one place.

use callboard_domain::id::{ActorId, NodeName};
use callboard_substrate::name::{BadName, Bucket, Key, Pattern, Subject, is_token};

/// The longest cluster name that leaves room for the rest of a bucket's name.
const NAME_LEN_MAX: usize = 64;

/// The names of one cluster.
#[derive(Debug, Clone)]
pub struct Names {
    cluster: String,
    leases: Bucket,
    nodes: Bucket,
    placements: Bucket,
}

impl Names {
    /// Checks the cluster's name.
    ///
    /// # Errors
    /// [`BadName`] where it is not one token of at most 64 bytes.
    pub fn new(cluster: &str) -> Result<Self, BadName> {
        if cluster.len() > NAME_LEN_MAX || !is_token(cluster) {
            return Err(BadName {
                kind: "cluster",
                name: cluster.chars().take(200).collect(),
                rule: "1 to 64 letters, digits, '-' or '_'",
            });
        }
        let bucket = |what: &str| Bucket::new(format!("CB_{cluster}_{what}"));
        Ok(Self {
            cluster: cluster.to_owned(),
            leases: bucket("LEASES")?,
            nodes: bucket("NODES")?,
            placements: bucket("PLACEMENTS")?,
        })
    }

    /// The cluster's name.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The bucket of the leases.
    #[must_use]
    pub fn leases(&self) -> &Bucket {
        &self.leases
    }

    /// The bucket of the nodes.
    #[must_use]
    pub fn nodes(&self) -> &Bucket {
        &self.nodes
    }

    /// The bucket of the directory.
    #[must_use]
    pub fn placements(&self) -> &Bucket {
        &self.placements
    }

    /// Where a node takes frames.
    #[must_use]
    pub fn node(&self, node: &NodeName) -> Subject {
        subject(format!("cb.{}.node.{node}", self.cluster))
    }

    /// Where a node's beats go.
    #[must_use]
    pub fn beat(&self, node: &NodeName) -> Subject {
        subject(format!("cb.{}.beat.{node}", self.cluster))
    }

    /// Every node's beats.
    #[must_use]
    pub fn beats(&self) -> Pattern {
        Pattern::new(format!("cb.{}.beat.*", self.cluster)).expect("the cluster's name is checked")
    }

    /// The frames of one node.
    #[must_use]
    pub fn frames(&self, node: &NodeName) -> Pattern {
        Pattern::new(self.node(node).as_str()).expect("a subject is a pattern")
    }
}

fn subject(text: String) -> Subject {
    Subject::new(text).expect("cluster and node names are checked tokens")
}

/// The key of an actor in the directory.
pub(crate) fn actor_key(actor: &ActorId) -> Key {
    Key::new(actor.stream()).expect("actor names are checked tokens")
}

/// The key of a node.
pub(crate) fn node_key(node: &NodeName) -> Key {
    Key::new(node.as_str()).expect("node names are checked tokens")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_design() {
        let names = Names::new("main").expect("legal");
        let node: NodeName = "n1".parse().expect("legal");
        assert_eq!(names.placements().as_str(), "CB_main_PLACEMENTS");
        assert_eq!(names.node(&node).as_str(), "cb.main.node.n1");
        assert!(names.beats().matches(&names.beat(&node)));
        for bad in ["", "a b", "a.b", &"x".repeat(65)] {
            assert!(Names::new(bad).is_err(), "{bad:?}");
        }
    }
}
