//! Errors as answers: every failure becomes one JSON object with a closed code, mapped here.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use callboard_agent::workspace;
use callboard_api::error::{Code, Error};
use callboard_cluster::{AskError, CallError};
use callboard_domain::{agent, orchestrator, project};

/// A request that was not done.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Error,
    /// Where HTTP has a more exact status than the code's.
    status: Option<StatusCode>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { error: Error::new(code, message), status: None }
    }

    /// A failure of the protocol itself: 401, 405, 413 and the like.
    pub(crate) fn protocol(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { error: Error::new(code, message), status: Some(status) }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Code::Refused, message)
    }

    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Code::Unreachable, message)
    }

    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self::new(Code::TimedOut, message)
    }

    fn status(&self) -> StatusCode {
        let by_code = || StatusCode::from_u16(self.error.code.http_status());
        self.status.unwrap_or_else(|| by_code().expect("the codes have legal statuses"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status());
        if self.status() == StatusCode::UNAUTHORIZED {
            answer.insert_header(("WWW-Authenticate", "Bearer"));
        }
        answer.json(&self.error)
    }
}

/// The one mapping of calls that did not reach an actor, or got no answer.
impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::NotFound => Code::NotFound,
            CallError::Rejected { .. } => Code::Refused,
            CallError::NotHere
            | CallError::Full
            | CallError::Stopped
            | CallError::Unavailable { .. } => Code::Unreachable,
            CallError::TimedOut | CallError::OutcomeUnknown => Code::TimedOut,
            CallError::BadCommand { .. } | CallError::Failed { .. } => Code::Failed,
        };
        Self::new(code, error.to_string())
    }
}

/// What a refusal of an entity means for the person.
pub(crate) trait Refusal: std::error::Error {
    /// Its code.
    fn code(&self) -> Code;
}

impl Refusal for orchestrator::Rejection {
    fn code(&self) -> Code {
        match self {
            Self::NotCreated => Code::Unreachable,
            Self::NoProject(_) => Code::NotFound,
            Self::NameTaken { .. } | Self::NameArchived(_) | Self::TooManyProjects { .. } => {
                Code::Refused
            }
            Self::Message(refusal) => message_code(refusal),
        }
    }
}

impl Refusal for project::Rejection {
    fn code(&self) -> Code {
        match self {
            Self::NotCreated => Code::Unreachable,
            Self::NoTask(_) => Code::NotFound,
            Self::UnknownDependency { .. } | Self::DuplicateLabel(_) | Self::Cycle(_) => {
                Code::Usage
            }
            Self::Archived
            | Self::Leaving(_)
            | Self::DeadDependency { .. }
            | Self::TooManyTasks { .. }
            | Self::WrongState { .. }
            | Self::NothingToReview(_) => Code::Refused,
            Self::Message(refusal) => message_code(refusal),
        }
    }
}

impl Refusal for agent::Rejection {
    fn code(&self) -> Code {
        match self {
            Self::NotCreated => Code::Unreachable,
            Self::NoApproval(_) => Code::NotFound,
            Self::Archived | Self::Busy(_) | Self::Over(_) | Self::NotWorking { .. } => {
                Code::Refused
            }
            Self::Message(refusal) => message_code(refusal),
        }
    }
}

fn message_code(refusal: &callboard_domain::message::Refusal) -> Code {
    use callboard_domain::message::Refusal;
    match refusal {
        Refusal::Text { .. } => Code::Usage,
        Refusal::Full { .. } | Refusal::Expired { .. } => Code::Refused,
    }
}

impl<R: Refusal> From<AskError<R>> for Failure {
    fn from(error: AskError<R>) -> Self {
        match error {
            AskError::Rejected(rejection) => Self::new(rejection.code(), rejection.to_string()),
            AskError::Call(error) => error.into(),
        }
    }
}

/// What is wrong with a repository, and what to do.
impl From<workspace::Error> for Failure {
    fn from(error: workspace::Error) -> Self {
        use workspace::Error as E;
        let text = callboard_stdx::error::chain(&error);
        match error {
            E::NotFound { .. } => {
                Self::not_found(format!("{text}; name an existing repository with --repo"))
            }
            E::NotARepository { .. } => {
                Self::usage(format!("{text}; run `git init` and commit there first"))
            }
            E::NoCommit { .. } => {
                Self::usage(format!("{text}; agents work on commits: commit something first"))
            }
            E::BadInput { .. } | E::BaseMissing { .. } => Self::usage(text),
            E::BranchRefused { .. } | E::Fenced { .. } => Self::refused(text),
            E::TimedOut { .. } => Self::timed_out(text),
            E::Unreachable { .. } => Self::unreachable(text),
            E::NoCheckpoint { .. } | E::Git { .. } | E::Blob { .. } | E::Io { .. } => {
                Self::failed(text)
            }
        }
    }
}
