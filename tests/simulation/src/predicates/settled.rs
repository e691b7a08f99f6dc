//! Of the end: everything that was asked for has ended, and nothing is owed.

use callboard_domain::EffectKey;
use callboard_domain::agent::{self, Phase};
use callboard_domain::orchestrator::Fleet;
use callboard_domain::project;

use crate::predicates::{Violation, broken};
use crate::views::Views;

/// What has not settled.
#[must_use]
pub fn settled(views: &Views) -> Vec<Violation> {
    let mut open = Vec::new();
    if views.orchestrator.fleet != Fleet::Running {
        open.push("the fleet is stopped".to_owned());
    }
    open.extend(owed("orchestrator", views.orchestrator.outbox.keys()));
    for (id, project) in &views.projects {
        open.extend(of_project(&id.to_string(), project));
    }
    for (id, agent) in &views.agents {
        open.extend(of_agent(&id.to_string(), agent));
    }
    open.into_iter().map(|what| broken("settles", what)).collect()
}

fn of_project(id: &str, project: &project::State) -> Vec<String> {
    let tasks = project.tasks.values().filter(|task| !task.is_settled());
    let mut open: Vec<_> = tasks
        .map(|task| {
            let reason = task.reason.as_deref().unwrap_or_default();
            format!("task {} is {:?} {:?}: {reason}", task.id, task.state, task.stage)
        })
        .collect();
    open.extend(owed(id, project.outbox.keys()));
    open.extend(project.seats.values().map(|seat| format!("seat {} is open", seat.agent)));
    open
}

fn of_agent(id: &str, agent: &agent::State) -> Vec<String> {
    let mut open = Vec::new();
    // One that ended before it was told who it is has nothing to end.
    if !matches!(agent.phase, Phase::Archived | Phase::Requested) {
        let reason = agent.reason.as_deref().unwrap_or_default();
        open.push(format!("agent {id} is {:?}: {reason}", agent.phase));
    }
    let waiting = agent.inbox.waiting().map(|message| format!("{id}: {} waits", message.id));
    open.extend(waiting);
    // With its release it ends: nobody is left to write that it is done.
    open.extend(owed(id, agent.outbox.keys().filter(|key| key.0 != "release")));
    open
}

fn owed<'k>(who: &str, keys: impl Iterator<Item = &'k EffectKey>) -> Option<String> {
    let keys: Vec<_> = keys.map(ToString::to_string).collect();
    (!keys.is_empty()).then(|| format!("{who} still owes {}", keys.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::scenario;
    use callboard_domain::project::{Command, Project};
    use callboard_domain::{Ctx, Entity};
    use chrono::DateTime;
    use uuid::Uuid;

    #[test]
    fn open_task_is_seen() {
        let mut dice = Dice::new(1);
        let mut ctx = Ctx::new(DateTime::UNIX_EPOCH, 1, "n", 0.5, Uuid::nil());
        let mut state = project::State::default();
        let create = Command::Create { spec: Box::new(scenario::project(&mut dice, 0)) };
        let tasks = scenario::tasks(&mut dice, 1);
        let submit = Command::Submit { id: Uuid::nil(), tasks, agents_max: None };
        for command in [create, submit] {
            let events = Project::decide(&state, command, &mut ctx).expect("accepted");
            events.iter().for_each(|event| Project::apply(&mut state, event));
        }
        let mut views = Views::default();
        assert_eq!(settled(&views), []);
        views.projects.insert("p0".parse().expect("legal"), state);
        assert!(!settled(&views).is_empty());
    }
}
