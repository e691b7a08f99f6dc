//! What `cargo metadata` says, cut down to the edges that the layer rules judge.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

use super::layers::Edge;

#[derive(Deserialize)]
struct Metadata {
    workspace_root: String,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Reads the edges from the JSON of `cargo metadata --no-deps`. `manifests` maps a manifest's path
/// in the repository to its text, to name the line.
pub(crate) fn edges(
    json: &[u8],
    manifests: &BTreeMap<String, String>,
) -> anyhow::Result<Vec<Edge>> {
    let metadata: Metadata =
        serde_json::from_slice(json).context("failed to read the output of cargo metadata")?;
    let names: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut edges = Vec::new();
    for package in &metadata.packages {
        let path = package
            .manifest_path
            .strip_prefix(&metadata.workspace_root)
            .unwrap_or(&package.manifest_path)
            .trim_start_matches('/');
        let manifest = manifests.get(path).map(String::as_str).unwrap_or_default();
        for dependency in &package.dependencies {
            let ours = names.contains(&dependency.name.as_str());
            edges.push(Edge {
                from: short(&package.name),
                to: if ours { short(&dependency.name) } else { dependency.name.clone() },
                ours,
                development: dependency.kind.as_deref() == Some("dev"),
                path: path.to_owned(),
                line: line_of(manifest, &dependency.name),
            });
        }
    }
    Ok(edges)
}

fn short(name: &str) -> String {
    name.strip_prefix("callboard-").unwrap_or(name).to_owned()
}

fn line_of(manifest: &str, dependency: &str) -> usize {
    let names = |line: &str| {
        line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    manifest.lines().position(names).map_or(1, |idx| idx + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_carry_their_line_and_kind() {
        let json = br#"{"workspace_root": "/r", "packages": [
            {"name": "callboard-a", "manifest_path": "/r/crates/a/Cargo.toml", "dependencies": [
                {"name": "callboard-b", "kind": null}, {"name": "toml", "kind": "dev"}]},
            {"name": "callboard-b", "manifest_path": "/r/crates/b/Cargo.toml", "dependencies": []}]}"#;
        let manifest =
            "[dependencies]\ncallboard-b.workspace = true\n[dev-dependencies]\ntoml = \"1\"\n";
        let manifests = BTreeMap::from([("crates/a/Cargo.toml".to_owned(), manifest.to_owned())]);
        let edges = edges(json, &manifests).expect("valid");
        let seen: Vec<_> = edges
            .iter()
            .map(|e| (e.from.as_str(), e.to.as_str(), e.ours, e.development, e.line))
            .collect();
        assert_eq!(seen, [("a", "b", true, false, 2), ("a", "toml", false, true, 4)]);
        assert_eq!(edges[0].path, "crates/a/Cargo.toml");
    }
}
