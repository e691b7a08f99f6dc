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
            let (archived, placed, created_at) = (false, false, event.at);
            let entry = Entry { spec: (**spec).clone(), archived, placed, created_at };
            state.projects.insert(spec.id.clone(), entry);
            state.outbox.insert(key("open", &spec.id), Effect::Open { spec: spec.clone() });
        }
        EventKind::ProjectPlaced { project } => {
            state.outbox.remove(&key("open", project));
            if let Some(entry) = state.projects.get_mut(project) {
                entry.placed = true;
            }
            tell_share(state, project);
            if state.fleet != Fleet::Running {
                tell_switch(state, project);
            }
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
        EventKind::Shared { agents_max } => {
            state.share = *agents_max;
            for project in told_projects(state) {
                tell_share(state, &project);
            }
        }
        EventKind::QuotaConfirmed { project, agents_max } => {
            state.outbox.remove(&key("quota", format!("{project}/{agents_max}")));
            if *agents_max != state.share {
                tell_share(state, project);
            }
        }
        EventKind::FleetStopped { by, reason } => {
            let (by, reason) = (by.clone(), reason.clone());
            state.fleet = Fleet::Stopped { by, reason, at: event.at };
            switch_all(state);
        }
        EventKind::FleetResumed { .. } => {
            state.fleet = Fleet::Running;
            switch_all(state);
        }
        EventKind::SwitchConfirmed { project, stopped } => {
            state.outbox.remove(&key("switch", format!("{project}/{stopped}")));
            if *stopped != is_stopped(state) {
                tell_switch(state, project);
            }
        }
        EventKind::Inbox { event } => state.inbox.apply(event),
    }
}

fn key(kind: &str, id: impl std::fmt::Display) -> EffectKey {
    EffectKey(format!("{kind}/{id}"))
}

/// The projects that can be told something.
fn told_projects(state: &State) -> Vec<ProjectId> {
    let told = state.projects.iter().filter(|(_, entry)| entry.placed && !entry.archived);
    told.map(|(id, _)| id.clone()).collect()
}

fn is_stopped(state: &State) -> bool {
    state.fleet != Fleet::Running
}

fn switch_all(state: &mut State) {
    for project in told_projects(state) {
        tell_switch(state, &project);
    }
}

/// Whether something of this kind is being told. The next word waits until it is confirmed, so that a
/// project hears them in their order.
fn is_telling(state: &State, kind: &str, project: &ProjectId) -> bool {
    let prefix = format!("{kind}/{project}/");
    state.outbox.keys().any(|key| key.0.starts_with(&prefix))
}

fn tell_share(state: &mut State, project: &ProjectId) {
    if !is_telling(state, "quota", project) {
        let agents_max = state.share;
        let id = key("quota", format!("{project}/{agents_max}"));
        state.outbox.insert(id, Effect::Quota { project: project.clone(), agents_max });
    }
}

fn tell_switch(state: &mut State, project: &ProjectId) {
    if !is_telling(state, "switch", project) {
        let stopped = is_stopped(state);
        let id = key("switch", format!("{project}/{stopped}"));
        state.outbox.insert(id, Effect::Switch { project: project.clone(), stopped });
    }
}

fn forget(state: &mut State, project: &ProjectId) {
    let quota = format!("quota/{project}/");
    let switch = format!("switch/{project}/");
    state.outbox.retain(|key, _| !key.0.starts_with(&quota) && !key.0.starts_with(&switch));
    state.outbox.remove(&key("open", project));
}
