//! The repository that a request names: looked at before anything is made of it.

use std::path::{Path, PathBuf};

use callboard_agent::workspace;
use callboard_domain::fleet::Source;
use callboard_domain::id::ProjectId;

use crate::answer::Failure;
use crate::state::State;

/// The longest project name that is made of a folder's name.
const NAME_CHARS_MAX: usize = 40;

/// A repository that can be worked on.
#[derive(Debug)]
pub(crate) struct Repository {
    /// Where it is.
    pub(crate) source: Source,
    /// The commit at which a project starts.
    pub(crate) head: String,
    /// What the person should know.
    pub(crate) notes: Vec<String>,
}

/// A project's source in the words of the workspace port.
pub(crate) fn source_of(source: Source) -> workspace::Source {
    match source {
        Source::Path { path } => workspace::Source::Path(PathBuf::from(path)),
        Source::Url { url } => workspace::Source::Url(url),
    }
}

impl State {
    /// Looks at the repository that a text names: an absolute path, or a URL.
    pub(crate) async fn repository(&self, text: &str) -> Result<Repository, Failure> {
        let source = read_source(text)?;
        let facts = self.parts.workspaces.inspect(&source).await?;
        let mut notes = Vec::new();
        if facts.n_dirty_files > 0 {
            let files = if facts.n_dirty_files == 1 { "file is" } else { "files are" };
            notes.push(format!(
                "{} uncommitted {files} not seen by agents: commit what they need",
                facts.n_dirty_files
            ));
        }
        let source = match facts.source {
            workspace::Source::Path(path) => Source::Path { path: text_of(&path)? },
            workspace::Source::Url(url) => Source::Url { url },
            workspace::Source::Bundle(_) => {
                return Err(Failure::usage("a bundle cannot be submitted; name a path or a URL"));
            }
        };
        Ok(Repository { source, head: facts.head.to_string(), notes })
    }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    path.to_str().map(ToOwned::to_owned).ok_or_else(|| {
        Failure::usage(format!("the path {} is not UTF-8; rename the folder", path.display()))
    })
}

fn read_source(text: &str) -> Result<workspace::Source, Failure> {
    let shown: String = text.chars().take(200).collect();
    if is_url(text) {
        return match user_info(text) {
            Some(user) if user.contains(':') || text.starts_with("http") => Err(Failure::usage(
                "the repository's URL holds credentials, which would be stored and shown; leave \
                     them out and let git's credential helper give them",
            )),
            _ => Ok(workspace::Source::Url(text.to_owned())),
        };
    }
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        return Err(Failure::usage(format!(
            "the repository {shown:?} is neither an absolute path nor a URL"
        )));
    }
    Ok(workspace::Source::Path(path))
}

/// `scheme://…`, or `host:path` as git understands it.
fn is_url(text: &str) -> bool {
    let host = text.split_once(':').map(|(host, _)| host);
    text.contains("://") || host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
}

/// What stands before the `@` of a URL's host.
fn user_info(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').map(|(user, _)| user)
}

/// A legal project name made of the repository's name.
pub(crate) fn project_name(source: &Source) -> ProjectId {
    let (Source::Path { path: text } | Source::Url { url: text }) = source;
    let is_name = |part: &&str| !part.is_empty() && *part != ".git";
    let name = text.rsplit(['/', ':']).find(is_name).unwrap_or_default();
    let name = name.strip_suffix(".git").unwrap_or(name);
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = name.chars().map(legal).collect();
    let parts = name.split('-').filter(|part| !part.is_empty());
    let name: String = parts.collect::<Vec<_>>().join("-").chars().take(NAME_CHARS_MAX).collect();
    let name = name.trim_matches('-');
    let name = if name.is_empty() { "project" } else { name };
    ProjectId::new(name).expect("made of legal characters, and short")
}

impl State {
    /// The name, or where a project of this name is archived the first free one: `name-2`, `name-3` …
    pub(crate) async fn free_name(&self, name: ProjectId) -> ProjectId {
        let free = |model: &callboard_views::Model| {
            let projects = &model.orchestrator().projects;
            let archived = |name: &ProjectId| projects.get(name).is_some_and(|it| it.archived);
            let numbered = (2..).map_while(|n: u32| ProjectId::new(format!("{name}-{n}")).ok());
            std::iter::once(name.clone()).chain(numbered).find(|name| !archived(name))
        };
        let found = self.view.fresh(free).await;
        found.unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_legal() {
        let of_path = |path: &str| project_name(&Source::Path { path: path.to_owned() });
        let of_url = |url: &str| project_name(&Source::Url { url: url.to_owned() });
        assert_eq!(of_path("/home/a/Strangers Calendar").as_str(), "Strangers-Calendar");
        assert_eq!(of_path("/srv/git/tool.git").as_str(), "tool");
        assert_eq!(of_path("/srv/tool/.git").as_str(), "tool");
        assert_eq!(of_path("/").as_str(), "project");
        assert_eq!(of_path("/x/äöü").as_str(), "project");
        assert_eq!(of_path("/x/--y").as_str(), "y");
        assert_eq!(of_path(&format!("/{}", "n".repeat(90))).as_str().len(), NAME_CHARS_MAX);
        assert_eq!(of_url("https://example.com/team/app.git").as_str(), "app");
        assert_eq!(of_url("git@example.com:app.git").as_str(), "app");
    }

    #[test]
    fn sources_are_paths_or_urls_without_secrets() {
        let is_url = |text| matches!(read_source(text), Ok(workspace::Source::Url(_)));
        assert!(is_url("https://example.com/a.git") && is_url("git@example.com:a.git"));
        assert!(is_url("ssh://git@example.com/a.git"));
        assert!(matches!(read_source("/a:b"), Ok(workspace::Source::Path(_))));
        for bad in ["", ".", "a/b", "https://me:pass@h/a", "https://token@h/a", "ssh://me:p@h/a"] {
            assert!(read_source(bad).is_err(), "{bad}");
        }
    }
}
