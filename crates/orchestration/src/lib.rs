//! Orchestrator, project manager and agent actors: the effects of their decisions.
