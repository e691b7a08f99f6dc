//! One file per part of the interface; `deploy/docs/http.md` describes every path.

mod agents;
mod approvals;
mod events;
mod messages;
mod nodes;
mod plan;
mod projects;
mod service;
mod submit;
mod table;
mod tasks;

use table::Answer;
pub(crate) use table::configure;
