//! The real claude program that tests use: which version, and where it was installed.

use std::path::PathBuf;

/// The version that the tests use; `tests/install-claude.sh` installs it.
pub const VERSION: &str = "2.1.328";

/// The program is not installed. Tests fail with this text; they never skip.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to find the claude program {VERSION} at {path}: run tests/install-claude.sh (needs npm)"
)]
pub struct Missing {
    /// Where it must be.
    pub path: PathBuf,
}

/// The installed program.
///
/// # Errors
/// [`Missing`] with what to do.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no configuration, as the script has none"
)]
pub fn program() -> Result<PathBuf, Missing> {
    let folder = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let version = folder("CALLBOARD_TEST_CLAUDE_VERSION").unwrap_or_else(|| VERSION.into());
    let cache = folder("CALLBOARD_TEST_CACHE").unwrap_or_else(|| {
        let home = || folder("HOME").unwrap_or_else(|| "/".into()).join(".cache");
        folder("XDG_CACHE_HOME").unwrap_or_else(home).join("callboard-tests")
    });
    let path = cache.join(format!("claude-{}", version.display())).join("node_modules/.bin/claude");
    if path.is_file() { Ok(path) } else { Err(Missing { path }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_installs_the_version_that_tests_use() {
        let script = include_str!("../../../tests/install-claude.sh");
        assert!(script.contains(&format!("{{CALLBOARD_TEST_CLAUDE_VERSION:-{VERSION}}}")));
        assert!(
            script.contains(
                "{CALLBOARD_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/callboard-tests}"
            )
        );
    }
}
