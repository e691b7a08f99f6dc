//! One typed method per route; `deploy/docs/http.md` says what each does.

use std::path::Path;

use callboard_api::agent::{Agent, AgentDetail, Approval, Output};
use callboard_api::message::{Event, Receipt};
use callboard_api::project::{self, Diff, Project, ProjectDetail};
use callboard_api::request::{
    Cleanup, Decision, LogVerified, Message, NewAgent, Plan, Reason, Review, Start, Submit,
    Submitted,
};
use callboard_api::status::{Explanation, Node, Status};
use callboard_api::task::{Task, TaskDetail};
use serde_json::{Value, json};

use crate::http::{Http, Wait, segment};
use crate::{Config, Error, Events, RuntimeFile};

/// Speaks to one node. Cheap to clone; connections are kept and shared.
#[derive(Debug, Clone)]
pub struct Client {
    http: Http,
}

macro_rules! gets {
    ($($(#[$doc:meta])* $name:ident -> $answer:ty = $path:literal;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// See [`Error`].
            pub fn $name(&self) -> Result<$answer, Error> {
                self.http.get($path)
            }
        )*
    };
}

macro_rules! gets_by_id {
    ($($(#[$doc:meta])* $name:ident -> $answer:ty = $path:literal;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// See [`Error`].
            pub fn $name(&self, id: &str) -> Result<$answer, Error> {
                self.http.get(&format!($path, segment(id)))
            }
        )*
    };
}

macro_rules! posts {
    ($($(#[$doc:meta])* $name:ident($body:ty) -> $answer:ty = $path:literal;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// See [`Error`].
            pub fn $name(&self, request: &$body) -> Result<$answer, Error> {
                self.http.post($path, request, Wait::Usual)
            }
        )*
    };
}

macro_rules! posts_by_id {
    ($($(#[$doc:meta])* $name:ident -> $answer:ty = $path:literal;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// See [`Error`].
            pub fn $name(&self, id: &str) -> Result<$answer, Error> {
                self.http.post(&format!($path, segment(id)), &json!({}), Wait::Usual)
            }
        )*
    };
}

macro_rules! posts_with_id {
    ($($(#[$doc:meta])* $name:ident($body:ty) -> $answer:ty = $path:literal;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// See [`Error`].
            pub fn $name(&self, id: &str, request: &$body) -> Result<$answer, Error> {
                self.http.post(&format!($path, segment(id)), request, Wait::Usual)
            }
        )*
    };
}

impl Client {
    /// A client of the node at `url`, with the default limits.
    #[must_use]
    pub fn new(url: &str, token: &str) -> Self {
        Self::with_config(url, token, Config::default())
    }

    /// A client with other limits.
    #[must_use]
    pub fn with_config(url: &str, token: &str, cfg: Config) -> Self {
        Self { http: Http::new(url, token, cfg) }
    }

    /// A client of the node that wrote this runtime file. Whether it still runs shows the first
    /// request.
    ///
    /// # Errors
    /// [`Error::NoNode`] and [`Error::BadFile`].
    pub fn from_runtime_file(path: &Path) -> Result<Self, Error> {
        let file = RuntimeFile::read(path)?;
        Ok(Self::new(&file.url, &file.token()?))
    }

    /// Where the node is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.http.url
    }

    gets! {
        /// The cluster at a glance.
        status -> Status = "/status";
        /// The nodes.
        nodes -> Vec<Node> = "/nodes";
        /// The projects.
        projects -> Vec<Project> = "/projects";
        /// The permission requests that wait for a person.
        approvals -> Vec<Approval> = "/approvals";
        /// The configuration in force, without secrets.
        config -> Value = "/config";
    }

    gets_by_id! {
        /// Why an agent is where it is, or what it waits for.
        placement -> Explanation = "/placement/{}";
        /// Everything about a project.
        project -> ProjectDetail = "/projects/{}";
        /// What a project changed.
        diff -> Diff = "/projects/{}/diff";
        /// Everything about a task.
        task -> TaskDetail = "/tasks/{}";
        /// Everything about an agent.
        agent -> AgentDetail = "/agents/{}";
        /// What became of a message.
        receipt -> Receipt = "/receipts/{}";
    }

    posts! {
        /// Submits a task or a goal.
        submit(Submit) -> Submitted = "/submit";
        /// Submits a plan.
        plan(Plan) -> Submitted = "/plan";
        /// Makes an agent without a project.
        create_agent(NewAgent) -> Agent = "/agents";
        /// Sends a message; it is stored when this returns.
        message(Message) -> Receipt = "/messages";
        /// Stops every agent.
        stop_fleet(Reason) -> Status = "/fleet/stop";
    }

    posts_by_id! {
        /// Lets a stopped project go on.
        start_project -> Project = "/projects/{}/start";
        /// Ends a project for good.
        archive_project -> Project = "/projects/{}/archive";
        /// Gives up a task.
        cancel_task -> Task = "/tasks/{}/cancel";
        /// Starts a failed or cancelled task again.
        retry_task -> Task = "/tasks/{}/retry";
        /// Starts an agent again.
        start_agent -> Agent = "/agents/{}/start";
        /// Ends an agent for good.
        archive_agent -> Agent = "/agents/{}/archive";
    }

    posts_with_id! {
        /// Lets a stopped project go on, with another number of agents where one is named.
        start_project_with(Start) -> Project = "/projects/{}/start";
        /// Stops a project's agents.
        stop_project(Reason) -> Project = "/projects/{}/stop";
        /// Accepts or discards a project's result.
        review(Review) -> project::Review = "/projects/{}/review";
        /// Stops an agent.
        stop_agent(Reason) -> Agent = "/agents/{}/stop";
        /// Answers a permission request.
        decide(Decision) -> Approval = "/approvals/{}";
    }

    /// Whether the node lives. Needs no token.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn healthz(&self) -> Result<(), Error> {
        self.http.get_open("/healthz")
    }

    /// The agents of one project, or all.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn agents(&self, project: Option<&str>) -> Result<Vec<Agent>, Error> {
        let query = project.map(|id| format!("?project={}", segment(id))).unwrap_or_default();
        self.http.get(&format!("/agents{query}"))
    }

    /// The tasks of one project, or of all.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn tasks(&self, project: Option<&str>) -> Result<Vec<Task>, Error> {
        let query = project.map(|id| format!("?project={}", segment(id))).unwrap_or_default();
        self.http.get(&format!("/tasks{query}"))
    }

    /// What an agent's program said after `after`, or without it last.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn agent_logs(&self, agent: &str, after: Option<u64>) -> Result<Output, Error> {
        let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
        self.http.get(&format!("/agents/{}/logs{query}", segment(agent)))
    }

    /// The events from `from` on, about `limit` of them: a page holds whole commits. Empty at the end
    /// of the log.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn events_page(&self, from: u64, limit: usize) -> Result<Vec<Event>, Error> {
        self.http.get(&format!("/events?from={from}&limit={limit}"))
    }

    /// The events from `from` on, and then as they happen.
    #[must_use]
    pub fn events(&self, from: u64) -> Events {
        Events::new(self.http.clone(), from)
    }

    /// Lets the fleet work again.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn resume_fleet(&self) -> Result<Status, Error> {
        self.http.post("/fleet/resume", &json!({}), Wait::Usual)
    }

    /// Removes what agents that are gone left behind.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn cleanup(&self) -> Result<Cleanup, Error> {
        self.http.post("/cleanup", &json!({}), Wait::Long)
    }

    /// Reads the whole log and checks every commit.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn verify_log(&self) -> Result<LogVerified, Error> {
        self.http.post("/log/verify", &json!({}), Wait::Long)
    }

    /// Asks the node to stop. It stops after it has answered.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn shutdown(&self) -> Result<(), Error> {
        self.http.post::<Value>("/shutdown", &json!({}), Wait::Usual).map(|_| ())
    }
}
