//! `config show`: what is in force, as a file that could be read again.

use callboard_node::Config;

/// The configuration as TOML.
///
/// # Errors
/// A value has no form in TOML.
pub fn as_toml(cfg: &Config) -> anyhow::Result<String> {
    Ok(toml::to_string_pretty(cfg)?)
}

/// The configuration as JSON.
///
/// # Errors
/// A value has no form in JSON.
pub fn as_json(cfg: &Config) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(cfg)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_shown_and_read_again() {
        let cfg = Config::default();
        let shown = as_toml(&cfg).expect("it has a form");
        let read: Config = toml::from_str(&shown).expect("it is a configuration");
        assert_eq!(read, cfg);
        as_json(&cfg).expect("it has a form");
    }
}
