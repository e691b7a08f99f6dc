//! The cluster's picture: reports, and what is reserved on each node.
//!
//! Invariants: each actor has at most one claim; a pool's sums are the sums of the claims on its
//! nodes; [`Cluster::reserve`] never brings a pool above its capacity.

use std::collections::BTreeMap;

use callboard_domain::id::{ActorId, NodeName};

use crate::config::Config;
use crate::misfit::{self, Misfit};
use crate::report::NodeReport;
use crate::request::Request;

/// One node with what is placed on it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) report: NodeReport,
    pub(crate) pool: usize,
    pub(crate) n_actors: u32,
    /// How many actors there have each anti-affinity key.
    pub(crate) keys: BTreeMap<String, u32>,
}

/// What is reserved of one node's or one host's capacity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    pub(crate) cpu_millis: u64,
    pub(crate) memory_bytes: u64,
}

/// What one actor holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Where.
    pub node: NodeName,
    /// What.
    pub request: Request,
}

/// A node that never reported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to reserve on node {0}: it has not reported")]
pub struct UnknownNode(pub NodeName);

/// The cluster's picture. Grows with nodes and claims; both are bounded by their owners.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) pools: Vec<Pool>,
    index: BTreeMap<NodeName, usize>,
    pool_index: BTreeMap<String, usize>,
    claims: BTreeMap<ActorId, Claim>,
}

impl Cluster {
    /// Takes a node's newest report. Its claims stay.
    pub fn report(&mut self, report: NodeReport) {
        let pool_name = report.pool();
        let pool = *self.pool_index.entry(pool_name).or_insert_with(|| {
            self.pools.push(Pool::default());
            self.pools.len() - 1
        });
        match self.index.get(&report.name) {
            Some(&idx) => {
                let before = self.nodes[idx].pool;
                self.nodes[idx].report = report;
                if before != pool {
                    self.move_to_pool(idx, pool);
                }
            }
            None => {
                self.index.insert(report.name.clone(), self.nodes.len());
                self.nodes.push(Node { report, pool, n_actors: 0, keys: BTreeMap::new() });
            }
        }
    }

    fn move_to_pool(&mut self, idx: usize, pool: usize) {
        let name = self.nodes[idx].report.name.clone();
        let before = std::mem::replace(&mut self.nodes[idx].pool, pool);
        for claim in self.claims.values().filter(|claim| claim.node == name) {
            self.pools[before].cpu_millis -= claim.request.cpu_millis;
            self.pools[before].memory_bytes -= claim.request.memory_bytes;
            self.pools[pool].cpu_millis += claim.request.cpu_millis;
            self.pools[pool].memory_bytes += claim.request.memory_bytes;
        }
    }

    /// The newest report of a node.
    #[must_use]
    pub fn node(&self, name: &NodeName) -> Option<&NodeReport> {
        self.index.get(name).map(|&idx| &self.nodes[idx].report)
    }

    /// The newest report of every node, in the order in which they first reported.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeReport> {
        self.nodes.iter().map(|node| &node.report)
    }

    /// What an actor holds.
    #[must_use]
    pub fn claim(&self, actor: &ActorId) -> Option<&Claim> {
        self.claims.get(actor)
    }

    /// Every claim, by actor.
    #[must_use]
    pub fn claims(&self) -> &BTreeMap<ActorId, Claim> {
        &self.claims
    }

    /// Why `node` cannot take `request` now; empty where it can.
    ///
    /// # Errors
    /// [`UnknownNode`] where it never reported.
    pub fn misfits(
        &self,
        node: &NodeName,
        request: &Request,
        cfg: &Config,
    ) -> Result<Vec<Misfit>, UnknownNode> {
        let idx = *self.index.get(node).ok_or_else(|| UnknownNode(node.clone()))?;
        let node = &self.nodes[idx];
        Ok(misfit::misfits(node, &self.pools[node.pool], request, cfg))
    }

    /// Reserves room, if there is. An older claim of the same actor is given up only then.
    ///
    /// # Errors
    /// The reasons why the node cannot take it (empty for a node that never reported); the older
    /// claim then stays.
    pub fn reserve(
        &mut self,
        actor: &ActorId,
        node: &NodeName,
        request: &Request,
        cfg: &Config,
    ) -> Result<(), Vec<Misfit>> {
        let before = self.release(actor);
        let misfits = self.misfits(node, request, cfg).map_err(|_| Vec::new());
        let refused = match misfits {
            Ok(misfits) if misfits.is_empty() => None,
            Ok(misfits) | Err(misfits) => Some(misfits),
        };
        let Some(misfits) = refused else {
            self.claim_unchecked(actor, node, request);
            return Ok(());
        };
        if let Some(Claim { node, request }) = before {
            self.claim_unchecked(actor, &node, &request);
        }
        Err(misfits)
    }

    /// Counts an actor that is on the node already, whether or not there is room: what runs, runs.
    ///
    /// # Errors
    /// [`UnknownNode`] where the node never reported.
    pub fn adopt(
        &mut self,
        actor: &ActorId,
        node: &NodeName,
        request: &Request,
    ) -> Result<(), UnknownNode> {
        if !self.index.contains_key(node) {
            return Err(UnknownNode(node.clone()));
        }
        self.release(actor);
        self.claim_unchecked(actor, node, request);
        Ok(())
    }

    fn claim_unchecked(&mut self, actor: &ActorId, node: &NodeName, request: &Request) {
        let idx = self.index[node];
        let found = &mut self.nodes[idx];
        found.n_actors += 1;
        if let Some(key) = &request.anti_affinity {
            *found.keys.entry(key.clone()).or_default() += 1;
        }
        let pool = &mut self.pools[found.pool];
        pool.cpu_millis += request.cpu_millis;
        pool.memory_bytes += request.memory_bytes;
        let claim = Claim { node: node.clone(), request: request.clone() };
        self.claims.insert(actor.clone(), claim);
    }

    /// Gives up what an actor holds.
    pub fn release(&mut self, actor: &ActorId) -> Option<Claim> {
        let claim = self.claims.remove(actor)?;
        let node = &mut self.nodes[self.index[&claim.node]];
        node.n_actors -= 1;
        if let Some(key) = &claim.request.anti_affinity
            && let Some(n) = node.keys.get_mut(key)
        {
            *n -= 1;
            if *n == 0 {
                node.keys.remove(key);
            }
        }
        let pool = &mut self.pools[node.pool];
        pool.cpu_millis -= claim.request.cpu_millis;
        pool.memory_bytes -= claim.request.memory_bytes;
        Some(claim)
    }
}
