//! Orchestrator, project manager and agent actors: the effects of their decisions.
//!
//! Every decision is in `domain`; here is only what carries it out, through ports. Every effect may be
//! run again after a crash at any point.

mod agent;
pub mod config;
mod factory;
mod orchestrator;
mod place;
mod project;
mod retry;
pub mod services;
mod translate;

pub use config::Config;
pub use factory::Factory;
pub use services::Services;
