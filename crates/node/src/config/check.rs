//! Rules between values, checked before anything is opened.

use callboard_domain::id::{NodeName, ProgramName};

use crate::config::load::ConfigError;
use crate::config::section::Config;

pub(super) fn check(cfg: &Config) -> Result<(), ConfigError> {
    if let Some(name) = &cfg.node.name
        && let Err(error) = NodeName::new(name.clone())
    {
        return Err(wrong("node.name", name, error));
    }
    if let Some(name) = &cfg.programs.default
        && let Err(error) = ProgramName::new(name.clone())
    {
        return Err(wrong("programs.default", name, error));
    }
    if let Err(error) = cfg.cluster.check() {
        return Err(ConfigError::Inconsistent {
            key: "cluster".to_owned(),
            value: "the section".to_owned(),
            rule: error.to_string(),
        });
    }
    positive("node.arbiters", cfg.node.arbiters as u64)?;
    positive("project.agents_max", u64::from(cfg.project.agents_max))?;
    positive("orchestrator.agents_max", u64::from(cfg.orchestrator.agents_max))?;
    positive("orchestrator.projects_max", u64::from(cfg.orchestrator.projects_max))?;
    positive("project_limits.tasks_max", cfg.project_limits.tasks_max as u64)?;
    positive("project_limits.attempts_max", u64::from(cfg.project_limits.attempts_max))?;
    positive("agent_limits.prompt_s_max", u64::from(cfg.agent_limits.prompt_s_max))?;
    let (turn, prompt) = (cfg.agent_limits.turn_s_max, cfg.agent_limits.prompt_s_max);
    if turn < prompt {
        let rule = format!("must not be shorter than agent_limits.prompt_s_max = {prompt}");
        return Err(wrong("agent_limits.turn_s_max", turn, rule));
    }
    Ok(())
}

fn positive(key: &str, value: u64) -> Result<(), ConfigError> {
    if value == 0 { Err(wrong(key, value, "must be at least 1")) } else { Ok(()) }
}

fn wrong(key: &str, value: impl std::fmt::Display, rule: impl std::fmt::Display) -> ConfigError {
    ConfigError::Inconsistent {
        key: key.to_owned(),
        value: value.to_string(),
        rule: rule.to_string(),
    }
}
