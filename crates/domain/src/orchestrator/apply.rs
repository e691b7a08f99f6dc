//! Folds events into the orchestrator. Nothing here decides.

use crate::entity::EffectKey;
use crate::id::ProjectId;
use crate::orchestrator::model::{Effect, Entry, Event, EventKind, Fleet, State};

pub(super) fn apply(state: &mut State, event: &Event) {
    match &event.kind {
        EventKind::Activated { epoch, node } => {
            state.epoch = *epoch;
            state.node.clone_from(node);
        }
        EventKind::Configured { limits } => {
            state.created = true;
            state.limits = limits.clone();
        }
        EventKind::ProjectOpened { spec } => {
            let entry = Entry { spec: (**spec).clone(), archived: false, created_at: event.at };
            state.projects.insert(spec.id.clone(), entry);
            state.outbox.insert(key("open", &spec.id), Effect::Open { spec: spec.clone() });
            if state.fleet != Fleet::Running {
                switch(state, spec.id.clone(), true);
            }
        }
        EventKind::ProjectPlaced { project } => {
            state.outbox.remove(&key("open", project));
        }
        EventKind::ProjectArchived { project } => {
            if let Some(entry) = state.projects.get_mut(project) {
                entry.archived = true;
            }
            forget(state, project);
            let effect = Effect::Archive { project: project.clone() };
            state.outbox.insert(key("archive", project), effect);
        }
        EventKind::ArchiveConfirmed { project } => {
            state.outbox.remove(&key("archive", project));
        }
        EventKind::Shared { agents_max } => shared(state, *agents_max),
        EventKind::QuotaConfirmed { project, agents_max } => {
            state.outbox.remove(&key("quota", format!("{project}/{agents_max}")));
        }
        EventKind::FleetStopped { by, reason } => {
            let (by, reason) = (by.clone(), reason.clone());
            state.fleet = Fleet::Stopped { by, reason, at: event.at };
            switch_all(state, true);
        }
        EventKind::FleetResumed { .. } => {
            state.fleet = Fleet::Running;
            switch_all(state, false);
        }
        EventKind::SwitchConfirmed { project, stopped } => {
            state.outbox.remove(&key("switch", format!("{project}/{stopped}")));
        }
        EventKind::Inbox { event } => state.inbox.apply(event),
    }
}

fn key(kind: &str, id: impl std::fmt::Display) -> EffectKey {
    EffectKey(format!("{kind}/{id}"))
}

fn open_projects(state: &State) -> Vec<ProjectId> {
    state.projects.iter().filter(|(_, entry)| !entry.archived).map(|(id, _)| id.clone()).collect()
}

fn shared(state: &mut State, agents_max: u32) {
    state.outbox.retain(|key, _| !key.0.starts_with("quota/"));
    for project in open_projects(state) {
        let id = key("quota", format!("{project}/{agents_max}"));
        state.outbox.insert(id, Effect::Quota { project, agents_max });
    }
}

fn switch_all(state: &mut State, stopped: bool) {
    for project in open_projects(state) {
        switch(state, project, stopped);
    }
}

fn switch(state: &mut State, project: ProjectId, stopped: bool) {
    state.outbox.remove(&key("switch", format!("{project}/{}", !stopped)));
    let id = key("switch", format!("{project}/{stopped}"));
    state.outbox.insert(id, Effect::Switch { project, stopped });
}

fn forget(state: &mut State, project: &ProjectId) {
    let quota = format!("quota/{project}/");
    let switch = format!("switch/{project}/");
    state.outbox.retain(|key, _| !key.0.starts_with(&quota) && !key.0.starts_with(&switch));
    state.outbox.remove(&key("open", project));
}
