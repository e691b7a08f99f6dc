//! Who may depend on whom: the layers as a table, and the edges that must never be.
//!
//! A crate may use every lower layer, and in its own layer only what [`BESIDE`] names. The
//! `NEVER` rules hold whatever the layers say. Development dependencies may name any crate of the
//! same or a lower layer, and those of [`DEVELOPMENT`].

use super::finding::Finding;

const RULE: &str = "layer";

/// Layer by layer from the bottom; the prefix `callboard-` is left out.
const LAYERS: [&[&str]; 8] = [
    &["domain", "stdx"],
    &["agent", "api", "approvals", "planner", "placement", "substrate", "views", "wire"],
    &["process", "telemetry"],
    &[
        "actors",
        "client",
        "runtimes",
        "store",
        "substrate-embedded",
        "substrate-memory",
        "substrate-nats",
        "workspace",
    ],
    &["cluster"],
    &["gateway", "orchestration"],
    &["cli", "node", "ops", "tui"],
    &["callboard"],
];

/// Edges within one layer, each with its reason.
const BESIDE: [(&str, &str, &str); 2] = [
    ("views", "api", "views are folded straight into the shapes that are shown"),
    ("ops", "node", "the demo runs a node of its own"),
];

/// Crates that only tests and tools use; they may name anything.
const DEVELOPMENT: [&str; 4] = ["simulation", "testkit", "tests", "xtask"];

/// Crates (`*` is any) that must never name others: from, to, and why.
const NEVER: [(&[&str], &[&str], &str); 8] = [
    (&["domain"], &["*"], "the domain is pure and stands alone"),
    (&["wire"], &["actors"], "frames know nothing of the actor framework"),
    (&["substrate"], &["domain"], "the ports carry bytes only"),
    (&["substrate-embedded", "substrate-memory"], &["domain"], "the ports carry bytes only"),
    (&["cli", "tui", "client"], SERVER_SIDE, "clients speak HTTP and link nothing of the server"),
    (
        &["gateway"],
        &["orchestration", "runtimes", "process", "workspace"],
        "the gateway sends commands through the cluster and reads views",
    ),
    (
        &[
            "actors",
            "cluster",
            "gateway",
            "orchestration",
            "callboard",
            "cli",
            "client",
            "runtimes",
        ],
        &["substrate-embedded", "substrate-nats", "substrate-memory"],
        "only node, ops and tests choose a substrate",
    ),
    (
        &["actors", "cluster", "gateway", "orchestration", "cli", "client", "workspace"],
        &["runtimes"],
        "only node, ops and tests choose a runtime; the binary hosts the child processes",
    ),
];

const SERVER_SIDE: &[&str] = &[
    "actors",
    "agent",
    "approvals",
    "cluster",
    "gateway",
    "node",
    "ops",
    "orchestration",
    "placement",
    "process",
    "runtimes",
    "store",
    "substrate",
    "substrate-embedded",
    "substrate-memory",
    "substrate-nats",
    "views",
    "wire",
    "workspace",
];

/// Libraries that only some of our crates may name, and why.
const LIBRARIES: [(&str, &[&str], &str); 5] = [
    (
        "actix",
        &["actors", "cluster", "node", "orchestration"],
        "`actors` wraps actix; only actors name it",
    ),
    ("actix-web", &["gateway", "node", "testkit"], "only the gateway serves HTTP"),
    ("async-nats", &["substrate-nats"], "NATS stands behind the substrate ports"),
    ("bincode", &["wire"], "the codec of frames is replaceable in one crate"),
    ("rusqlite", &["store", "substrate-embedded"], "SQL stands behind the ports"),
];

/// What pure crates may use of the world outside; everything else needs an argument first.
const PURE: [&str; 6] = ["domain", "planner", "approvals", "placement", "views", "wire"];
const PURE_LIBRARIES: [&str; 8] =
    ["bincode", "chrono", "crc32c", "serde", "serde_json", "thiserror", "toml", "uuid"];

/// One dependency of one of our crates.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// The crate that depends, without `callboard-`.
    pub(crate) from: String,
    /// What it names, without `callboard-` where it is ours.
    pub(crate) to: String,
    /// Whether `to` is ours.
    pub(crate) ours: bool,
    /// Whether only tests and benches use it.
    pub(crate) development: bool,
    /// The manifest that says so, and the line.
    pub(crate) path: String,
    pub(crate) line: usize,
}

/// Checks all edges.
pub(crate) fn check(edges: &[Edge]) -> Vec<Finding> {
    let faults = edges.iter().filter_map(|edge| fault(edge).map(|advice| (edge, advice)));
    faults.map(|(edge, advice)| Finding::new(&edge.path, edge.line, RULE, advice)).collect()
}

fn fault(edge: &Edge) -> Option<String> {
    if DEVELOPMENT.contains(&edge.from.as_str()) {
        return None;
    }
    match (edge.ours, edge.development) {
        (true, true) => development_fault(edge),
        (true, false) => never_fault(edge).or_else(|| layer_fault(edge)),
        (false, true) => None,
        (false, false) => library_fault(edge),
    }
}

fn layer_of(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn unknown(name: &str) -> String {
    format!("{name} is in no layer: add it to the table in crates/xtask/src/tidy/layers.rs")
}

fn layer_fault(edge: &Edge) -> Option<String> {
    let Edge { from, to, .. } = edge;
    if DEVELOPMENT.contains(&to.as_str()) {
        return Some(format!("{to} is for tests: make it a dev-dependency"));
    }
    let Some(upper) = layer_of(from) else { return Some(unknown(from)) };
    let Some(lower) = layer_of(to) else { return Some(unknown(to)) };
    if lower < upper || BESIDE.iter().any(|(a, b, _)| a == from && b == to) {
        return None;
    }
    Some(format!("{from} (layer {upper}) may not name {to} (layer {lower}): turn the edge round"))
}

fn never_fault(edge: &Edge) -> Option<String> {
    let names = |list: &[&str], name: &str| list.contains(&"*") || list.contains(&name);
    NEVER
        .iter()
        .find(|(from, to, _)| names(from, &edge.from) && names(to, &edge.to))
        .map(|(_, _, why)| format!("{} never names {}: {why}", edge.from, edge.to))
}

fn development_fault(edge: &Edge) -> Option<String> {
    if DEVELOPMENT.contains(&edge.to.as_str()) {
        return None;
    }
    let Some(upper) = layer_of(&edge.from) else { return Some(unknown(&edge.from)) };
    let Some(lower) = layer_of(&edge.to) else { return Some(unknown(&edge.to)) };
    (lower > upper)
        .then(|| format!("tests of {} may not name {}, which stands above it", edge.from, edge.to))
}

fn library_fault(edge: &Edge) -> Option<String> {
    let Edge { from, to, .. } = edge;
    let rule = LIBRARIES.iter().find(|(library, _, _)| library == to);
    if let Some((_, homes, why)) = rule
        && !homes.contains(&from.as_str())
    {
        return Some(format!("{from} never names {to}: {why}"));
    }
    let impure = PURE.contains(&from.as_str()) && !PURE_LIBRARIES.contains(&to.as_str());
    impure.then(|| format!("{from} is pure and never names {to}: pass what it needs as a value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str, ours: bool, development: bool) -> Option<String> {
        let path = format!("crates/{from}/Cargo.toml");
        fault(&Edge { from: from.to_owned(), to: to.to_owned(), ours, development, path, line: 1 })
    }

    #[test]
    fn forbidden_edges_are_caught() {
        for (from, to) in [
            ("domain", "stdx"),
            ("stdx", "domain"),
            ("wire", "actors"),
            ("substrate", "domain"),
            ("cli", "node"),
            ("client", "substrate"),
            ("cli", "wire"),
            ("gateway", "orchestration"),
            ("gateway", "runtimes"),
            ("orchestration", "gateway"),
            ("orchestration", "substrate-embedded"),
            ("cluster", "runtimes"),
            ("callboard", "substrate-embedded"),
            ("api", "views"),
            ("actors", "cluster"),
            ("node", "ops"),
            ("node", "testkit"),
            ("mystery", "domain"),
            ("node", "mystery"),
        ] {
            assert!(edge(from, to, true, false).is_some(), "{from} → {to}");
        }
    }

    #[test]
    fn forbidden_libraries_are_caught() {
        for (from, to) in [
            ("domain", "tokio"),
            ("domain", "actix"),
            ("planner", "tokio"),
            ("gateway", "actix"),
            ("node", "rusqlite"),
            ("cluster", "async-nats"),
            ("actors", "bincode"),
            ("domain", "rand"),
        ] {
            assert!(edge(from, to, false, false).is_some(), "{from} → {to}");
        }
    }

    #[test]
    fn designed_edges_pass() {
        for (from, to) in [
            ("views", "api"),
            ("views", "domain"),
            ("process", "wire"),
            ("runtimes", "process"),
            ("cluster", "actors"),
            ("orchestration", "cluster"),
            ("node", "substrate-embedded"),
            ("ops", "node"),
            ("ops", "runtimes"),
            ("callboard", "runtimes"),
            ("cli", "client"),
            ("xtask", "node"),
        ] {
            assert_eq!(edge(from, to, true, false), None, "{from} → {to}");
        }
        assert_eq!(edge("actors", "actix", false, false), None);
        assert_eq!(edge("domain", "serde", false, false), None);
    }

    #[test]
    fn tests_have_the_looser_rule() {
        assert_eq!(edge("actors", "substrate-memory", true, true), None);
        assert_eq!(edge("cluster", "testkit", true, true), None);
        assert_eq!(edge("domain", "tokio", false, true), None);
        assert!(edge("actors", "cluster", true, true).is_some());
    }

    #[test]
    fn table_names_each_crate_once() {
        let mut names: Vec<&str> = LAYERS.iter().flat_map(|layer| layer.iter().copied()).collect();
        names.sort_unstable();
        let n_names = names.len();
        names.dedup();
        assert_eq!(names.len(), n_names);
    }
}
