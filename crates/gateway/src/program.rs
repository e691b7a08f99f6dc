//! Which runtime a request gets, and whether any node has it.

use std::collections::BTreeSet;

use callboard_domain::id::ProgramName;

use crate::answer::Failure;
use crate::state::State;

impl State {
    /// The runtime that a request without one gets.
    pub(crate) fn default_runtime(&self) -> Result<ProgramName, Failure> {
        self.parts.defaults.runtime.clone().ok_or_else(|| {
            let why = self.unusable();
            let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
            Failure::refused(format!(
                "no agent program was found on this node{why}: install one and run `callboard \
                 init`, or see `callboard demo`, which needs none"
            ))
        })
    }

    /// Refuses a runtime that no node can start.
    pub(crate) async fn check_runtime(&self, runtime: &ProgramName) -> Result<(), Failure> {
        let own = self.parts.defaults.runtimes.get(runtime);
        if matches!(own, Some(Ok(_))) {
            return Ok(());
        }
        // Without an answer of the register, what this node has is all that is known.
        let nodes = self.parts.cluster.nodes().await.unwrap_or_default();
        let reports = nodes.iter().filter_map(|node| node.report.as_ref());
        let known: BTreeSet<_> = reports.flat_map(|report| &report.runtimes).collect();
        if known.contains(runtime) {
            return Ok(());
        }
        if let Some(Err(reason)) = own {
            return Err(Failure::refused(format!("runtime {runtime} cannot be used: {reason}")));
        }
        let usable = self.parts.defaults.runtimes.iter().filter(|(_, found)| found.is_ok());
        let all: BTreeSet<_> = usable.map(|(name, _)| name).chain(known).collect();
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
        Err(Failure::refused(format!(
            "no node has runtime {runtime}; there are: {all} (`callboard doctor` looks for programs)"
        )))
    }

    /// The programs of this node that cannot be used, and why.
    fn unusable(&self) -> Vec<String> {
        let runtimes = self.parts.defaults.runtimes.iter();
        let unusable = runtimes.filter_map(|(name, found)| Some((name, found.as_ref().err()?)));
        unusable.map(|(name, reason)| format!("{name}: {reason}")).collect()
    }
}
