//! Which repository a command means, and what its own callboard.toml says.

use std::path::{Path, PathBuf};

use crate::Error;
use callboard_api::error::Code;
use serde::Deserialize;

/// What `submit` and `run` take from the repository's own file; the rest is the node's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) check: Option<String>,
    pub(crate) agents_max: Option<u32>,
    pub(crate) runtime: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    project: Section,
    programs: Programs,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Programs {
    default: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Section {
    check: Option<String>,
    agents_max: Option<u32>,
}

/// The repository that is named, else the one around the folder: an absolute path or a URL.
pub(crate) fn find(named: Option<&str>, folder: &Path) -> Result<String, Error> {
    match named {
        Some(url) if is_url(url) => Ok(url.to_owned()),
        Some(path) => {
            let path = folder.join(path);
            let Ok(absolute) = path.canonicalize() else {
                let text = format!("there is no repository {}; see --repo", path.display());
                return Err(Error::new(Code::NotFound, text));
            };
            as_text(top(&absolute).unwrap_or(&absolute))
        }
        None => match top(folder) {
            Some(top) => as_text(top),
            None => Err(Error::new(
                Code::Usage,
                format!(
                    "{} is in no git repository; go to one, name one with --repo PATH, or make \
                     one with: git init",
                    folder.display()
                ),
            )),
        },
    }
}

fn is_url(text: &str) -> bool {
    let scp = || {
        let (host, path) = text.split_once(':')?;
        Some(host.contains('@') && !host.contains('/') && !path.is_empty())
    };
    text.contains("://") || scp().unwrap_or(false)
}

/// The folder at or above this one that holds `.git`: a folder, or a file in a worktree.
fn top(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|it| it.join(".git").exists())
}

fn as_text(path: &Path) -> Result<String, Error> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        let text = format!("the path {} is not UTF-8; rename the folder", path.display());
        Error::new(Code::Usage, text)
    })
}

/// What the repository's callboard.toml says about projects. It may be the node's file too, so other
/// keys are the node's to judge.
pub(crate) fn settings(repo: &str) -> Result<Settings, Error> {
    let path = PathBuf::from(repo).join("callboard.toml");
    if is_url(repo) || !path.is_file() {
        return Ok(Settings::default());
    }
    let failed = |reason: String| {
        Error::new(Code::Usage, format!("failed to read {}: {reason}", path.display()))
    };
    let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    let file: File = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let Section { check, agents_max } = file.project;
    Ok(Settings { check, agents_max, runtime: file.programs.default })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_folder_is_found_from_below() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = folder.path().canonicalize().expect("it exists");
        std::fs::create_dir_all(top.join(".git")).expect("writable");
        std::fs::create_dir_all(top.join("a/b")).expect("writable");
        let expected = top.to_str().expect("a temporary path is text");
        assert_eq!(find(None, &top.join("a/b")).expect("found"), expected);
        assert_eq!(find(Some("a"), &top).expect("found"), expected);
    }

    #[test]
    fn urls_are_taken_as_they_are() {
        for url in ["https://example.org/a.git", "git@example.org:a/b.git", "file:///srv/a.git"] {
            assert_eq!(find(Some(url), Path::new("/")).expect("taken"), url);
        }
    }

    #[test]
    fn a_path_that_is_not_there_is_not_found() {
        let error = find(Some("no/such/folder"), Path::new("/")).expect_err("refused");
        assert_eq!(error.code, Code::NotFound);
        let error = find(None, Path::new("/")).expect_err("refused");
        assert_eq!(error.code, Code::Usage);
    }

    #[test]
    fn the_check_of_the_repository_is_read_beside_keys_of_the_node() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = "[node]\nname = \"n\"\n[project]\ncheck = \"make test\"\n";
        std::fs::write(folder.path().join("callboard.toml"), text).expect("writable");
        let path = folder.path().to_str().expect("a temporary path is text");
        assert_eq!(settings(path).expect("read").check.as_deref(), Some("make test"));
    }
}
