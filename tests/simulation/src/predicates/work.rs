//! Of the outside world: one owner at a time, every step and every merge once.

use std::collections::{BTreeMap, BTreeSet};

use callboard_domain::id::AgentId;

use crate::predicates::{Violation, broken};
use crate::record::{Kind, SideEffect};

/// P1: an agent has one program at a time, of an incarnation that is no older than the last one that
/// acted; a boot that is over does nothing; what acts runs.
#[must_use]
pub fn owners(record: &[SideEffect]) -> Vec<Violation> {
    let mut owners = Owners::default();
    record.iter().flat_map(|effect| owners.see(effect)).collect()
}

#[derive(Default)]
struct Owners {
    boot: u32,
    epochs: BTreeMap<AgentId, u64>,
    running: BTreeMap<AgentId, u64>,
}

impl Owners {
    fn see(&mut self, effect: &SideEffect) -> Vec<Violation> {
        let mut violations = Vec::new();
        if effect.boot < self.boot {
            violations.push(broken("P1", format!("an older boot acts: {effect:?}")));
        }
        self.boot = effect.boot;
        match &effect.kind {
            Kind::ProgramStarted { agent, epoch, process } => {
                violations.extend(self.acts(agent, *epoch));
                if let Some(other) = self.running.insert(agent.clone(), *process) {
                    let what = format!("{agent} runs {process} while {other} still runs");
                    violations.push(broken("P1", what));
                }
            }
            Kind::ProgramEnded { agent, process } => {
                if self.running.get(agent) == Some(process) {
                    self.running.remove(agent);
                }
            }
            Kind::PromptTaken { agent, epoch, .. } => violations.extend(self.acts(agent, *epoch)),
            Kind::StepDone { agent, epoch, process, .. } => {
                violations.extend(self.acts(agent, *epoch));
                if self.running.get(agent) != Some(process) {
                    let what = format!("{agent}: {process} acts, and should be gone");
                    violations.push(broken("P1", what));
                }
            }
            Kind::WorkspacePrepared { agent, epoch } => {
                violations.extend(self.acts(agent, *epoch));
                if let Some(process) = self.running.get(agent) {
                    let what = format!("{agent}: its workspace changed while {process} ran in it");
                    violations.push(broken("P1", what));
                }
            }
            Kind::Merged { .. } => {}
        }
        violations
    }

    fn acts(&mut self, agent: &AgentId, epoch: u64) -> Option<Violation> {
        let last = self.epochs.entry(agent.clone()).or_default();
        if epoch < *last {
            return Some(broken("P1", format!("{agent}: epoch {epoch} acts after {last}")));
        }
        *last = epoch;
        None
    }
}

/// P3: no step that was completed is done again.
#[must_use]
pub fn steps(record: &[SideEffect]) -> Vec<Violation> {
    let mut done = BTreeSet::new();
    let again = record.iter().filter_map(|effect| match &effect.kind {
        Kind::StepDone { attempt, step, .. } if !done.insert((attempt.clone(), *step)) => {
            Some(broken("P3", format!("step {step} of {attempt} was done twice")))
        }
        _ => None,
    });
    again.collect()
}

/// P3: the commits of a try come into the branch once.
#[must_use]
pub fn merges(record: &[SideEffect]) -> Vec<Violation> {
    let mut merged = BTreeSet::new();
    let again = record.iter().filter_map(|effect| match &effect.kind {
        Kind::Merged { project, task, attempt } => {
            let is_new = merged.insert((project.clone(), task.clone(), *attempt));
            let what = format!("{task}/{attempt} was merged into {project} twice");
            (!is_new).then(|| broken("P3", what))
        }
        _ => None,
    });
    again.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_domain::task::Attempt;
    use chrono::DateTime;

    fn effect(boot: u32, kind: Kind) -> SideEffect {
        SideEffect { at: DateTime::UNIX_EPOCH, boot, kind }
    }

    fn agent() -> AgentId {
        "a".parse().expect("legal")
    }

    fn started(epoch: u64, process: u64) -> SideEffect {
        effect(1, Kind::ProgramStarted { agent: agent(), epoch, process })
    }

    fn ended(process: u64) -> SideEffect {
        effect(1, Kind::ProgramEnded { agent: agent(), process })
    }

    fn step(epoch: u64, process: u64) -> SideEffect {
        let attempt = Attempt { task: "t".parse().expect("legal"), n: 1 };
        effect(1, Kind::StepDone { agent: agent(), epoch, process, attempt, step: 0 })
    }

    #[test]
    fn owners_that_follow_each_other_are_good() {
        assert_eq!(owners(&[started(1, 1), step(1, 1), ended(1), started(2, 2)]), []);
    }

    #[test]
    fn two_programs_at_once_are_seen() {
        assert_eq!(owners(&[started(1, 1), started(1, 2)])[0].promise, "P1");
    }

    #[test]
    fn older_owner_that_acts_is_seen() {
        assert_eq!(owners(&[started(2, 1), ended(1), started(1, 2)])[0].promise, "P1");
    }

    #[test]
    fn program_that_should_be_gone_is_seen() {
        assert_eq!(owners(&[started(1, 1), ended(1), step(1, 1)])[0].promise, "P1");
    }

    #[test]
    fn older_boot_that_acts_is_seen() {
        let late = effect(1, Kind::ProgramEnded { agent: agent(), process: 1 });
        let newer = effect(2, Kind::ProgramEnded { agent: agent(), process: 2 });
        assert_eq!(owners(&[newer, late])[0].promise, "P1");
    }

    #[test]
    fn workspace_that_changes_under_its_program_is_seen() {
        let prepared = effect(1, Kind::WorkspacePrepared { agent: agent(), epoch: 1 });
        assert_eq!(owners(&[started(1, 1), prepared])[0].promise, "P1");
    }

    #[test]
    fn repeated_step_is_seen() {
        assert_eq!(steps(&[step(1, 1)]), []);
        assert_eq!(steps(&[step(1, 1), step(2, 2)])[0].promise, "P3");
    }

    #[test]
    fn repeated_merge_is_seen() {
        let (project, task) = ("p".parse().expect("legal"), "t".parse().expect("legal"));
        let merged = effect(1, Kind::Merged { project, task, attempt: 1 });
        assert_eq!(merges(std::slice::from_ref(&merged)), []);
        assert_eq!(merges(&[merged.clone(), merged])[0].promise, "P3");
    }
}
