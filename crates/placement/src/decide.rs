//! The decision: filter, score a random sample, take the best; or say what is missing.

use std::collections::BTreeMap;
use std::fmt;

use callboard_domain::id::NodeName;
use serde::{Deserialize, Serialize};

use crate::bytes;
use crate::cluster::Cluster;
use crate::config::{Config, Strategy};
use crate::misfit::{self, Misfit};
use crate::request::Request;
use crate::score;

/// A node that fits, and how well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The node.
    pub node: NodeName,
    /// 0 to 1.
    pub score: f64,
}

/// A node that does not fit, and every reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// The node.
    pub node: NodeName,
    /// Never empty.
    pub misfits: Vec<Misfit>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}: ", self.node)?;
        for (idx, misfit) in self.misfits.iter().enumerate() {
            let between = if idx == 0 { "" } else { "; " };
            write!(f, "{between}{misfit}")?;
        }
        Ok(())
    }
}

/// Where an actor goes, and why there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The node.
    pub node: NodeName,
    /// Its score, 0 to 1.
    pub score: f64,
    /// The strategy that scored.
    pub strategy: Strategy,
    /// What it has free after this placement: processor thousandths.
    pub free_millis: u64,
    /// What it has free after this placement: memory.
    pub free_bytes: u64,
    /// The other nodes that were scored.
    pub others: Vec<Scored>,
    /// The nodes that were looked at and do not fit.
    pub rejected: Vec<Rejected>,
    /// How many nodes were not looked at, because enough fitted before.
    pub n_unseen: usize,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strategy = match self.strategy {
            Strategy::Binpack => "binpack",
            Strategy::Spread => "spread",
            Strategy::Balanced => "balanced",
        };
        write!(
            f,
            "node {}: the best of {} that fit (strategy {strategy}, score {:.2}); {} and {} of \
             memory stay free",
            self.node,
            self.others.len() + 1,
            self.score,
            bytes::cpus(self.free_millis),
            bytes::human(self.free_bytes),
        )?;
        for Scored { node, score } in &self.others {
            write!(f, "\nnode {node}: fits, score {score:.2}")?;
        }
        for rejected in &self.rejected {
            write!(f, "\n{rejected}")?;
        }
        match self.n_unseen {
            0 => Ok(()),
            n => write!(f, "\n{n} more nodes were not needed"),
        }
    }
}

/// No node fits. Every node is named with every reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NothingFits {
    /// Every node, in order of name.
    pub nodes: Vec<Rejected>,
    /// What would help, for a person.
    pub missing: String,
}

impl fmt::Display for NothingFits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing fits; missing: {}", self.missing)?;
        for rejected in &self.nodes {
            write!(f, "\n{rejected}")?;
        }
        Ok(())
    }
}

impl Cluster {
    /// Decides where `request` goes. The same picture, request, settings and seed give the same
    /// answer. Looks at nodes in a random order until [`Config::n_sample`] fit.
    ///
    /// # Errors
    /// [`NothingFits`] with every node's reasons.
    pub fn decide(
        &self,
        request: &Request,
        cfg: &Config,
        seed: u64,
    ) -> Result<Decision, NothingFits> {
        let mut fitting: Vec<(usize, f64)> = Vec::with_capacity(cfg.n_sample);
        let mut unfit = Vec::new();
        for idx in walk(self.nodes.len(), seed) {
            let node = &self.nodes[idx];
            let pool = &self.pools[node.pool];
            if !misfit::fits(node, pool, request, cfg) {
                unfit.push(idx);
                continue;
            }
            fitting.push((idx, score::score(node, pool, request, cfg)));
            if fitting.len() >= cfg.n_sample {
                break;
            }
        }
        // Stable: among equals the first of the random order wins.
        fitting.sort_by(|a, b| b.1.total_cmp(&a.1));
        match fitting.split_first() {
            Some((&best, others)) => Ok(self.decision(best, others, &unfit, request, cfg)),
            None => Err(self.nothing_fits(request, cfg)),
        }
    }

    fn decision(
        &self,
        (best, score): (usize, f64),
        others: &[(usize, f64)],
        unfit: &[usize],
        request: &Request,
        cfg: &Config,
    ) -> Decision {
        let node = &self.nodes[best];
        let (free_millis, free_bytes) = misfit::free(node, &self.pools[node.pool], cfg);
        let name = |idx: usize| self.nodes[idx].report.name.clone();
        Decision {
            node: name(best),
            score,
            strategy: cfg.strategy,
            free_millis: free_millis - request.cpu_millis,
            free_bytes: free_bytes - request.memory_bytes,
            others: others.iter().map(|&(idx, score)| Scored { node: name(idx), score }).collect(),
            rejected: self.rejected(unfit.iter().copied(), request, cfg),
            n_unseen: self.nodes.len() - 1 - others.len() - unfit.len(),
        }
    }

    fn nothing_fits(&self, request: &Request, cfg: &Config) -> NothingFits {
        let nodes = self.rejected(0..self.nodes.len(), request, cfg);
        let missing = missing(&nodes);
        NothingFits { nodes, missing }
    }

    fn rejected(
        &self,
        indices: impl Iterator<Item = usize>,
        request: &Request,
        cfg: &Config,
    ) -> Vec<Rejected> {
        let mut rejected: Vec<_> = indices
            .map(|idx| {
                let node = &self.nodes[idx];
                let misfits = misfit::misfits(node, &self.pools[node.pool], request, cfg);
                Rejected { node: node.report.name.clone(), misfits }
            })
            .collect();
        rejected.sort_by(|a, b| a.node.cmp(&b.node));
        rejected
    }
}

/// Says what would help: the node that lacks the fewest things, and what it lacks.
fn missing(nodes: &[Rejected]) -> String {
    let Some(nearest) = nodes.iter().min_by_key(|rejected| rejected.misfits.len()) else {
        return "a node: none has reported".to_owned();
    };
    let mut common: BTreeMap<String, usize> = BTreeMap::new();
    for misfit in nodes.iter().flat_map(|rejected| &rejected.misfits) {
        *common.entry(lack(misfit)).or_default() += 1;
    }
    let everywhere: Vec<_> =
        common.into_iter().filter(|(_, n)| *n == nodes.len()).map(|(lack, _)| lack).collect();
    if nodes.len() > 1 && !everywhere.is_empty() {
        return format!("{} (on every node)", everywhere.join(", "));
    }
    let lacks: Vec<_> = nearest.misfits.iter().map(lack).collect();
    format!("{} (nearest: node {})", lacks.join(", "), nearest.node)
}

fn lack(misfit: &Misfit) -> String {
    match misfit {
        Misfit::State(_) => "a ready node".to_owned(),
        Misfit::Memory { free_bytes, asked_bytes } => {
            format!("{} of memory", bytes::human(asked_bytes - free_bytes))
        }
        Misfit::Cpu { free_millis, asked_millis } => bytes::cpus(asked_millis - free_millis),
        Misfit::Disk { free_bytes, min_bytes } => {
            format!("{} of disk", bytes::human(min_bytes - free_bytes))
        }
        Misfit::Pressure { .. } => "a node without memory pressure".to_owned(),
        Misfit::Runtime(runtime) => format!("program {runtime}"),
        Misfit::Label { key, wanted, .. } => format!("label {key}={wanted}"),
        Misfit::Tainted(taint) => format!("a toleration of taint {}", taint.key),
        Misfit::AntiAffinity(key) => format!("a node without an actor of {key}"),
        Misfit::Actors { .. } => "room for one more actor".to_owned(),
    }
}

/// Every index below `n` once, in an order that the seed decides: a random start, and a random
/// stride that shares no divisor with `n`.
fn walk(n: usize, seed: u64) -> impl Iterator<Item = usize> {
    let mut random = seed;
    let mut next = || {
        // SplitMix64.
        random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let below = n.max(1) as u64;
    let start = (next() % below) as usize;
    let mut stride = (next() % below) as usize;
    while gcd(stride, n) > 1 {
        stride = (stride + 1) % n.max(1);
    }
    (0..n).map(move |step| (start + step * stride) % n)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
