//! What was lost or done twice, counted from git: the commits that must be in the result.

use std::collections::BTreeMap;

use callboard_api::project::ProjectDetail;

use super::files;
use super::folder::{BRANCH, Folder};
use super::options::Options;

/// How the result differs from what it must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Commits that are in the result twice.
    pub(super) n_twice: usize,
    /// Commits that are not in the result.
    pub(super) n_lost: usize,
}

/// Compares the person's branch with what the agents made: with scripts, their commits by subject;
/// with another program, the commits that the log names.
pub(super) async fn count(
    options: &Options,
    folder: &Folder,
    project: &ProjectDetail,
) -> anyhow::Result<Count> {
    let result = folder.git(&["log", "--format=%H %s", BRANCH]).await?;
    let commits: Vec<(&str, &str)> =
        result.lines().filter_map(|line| line.split_once(' ')).collect();
    let named = project.task_list.iter().flat_map(|task| &task.commits);
    let n_unreachable = named
        .filter(|named| !commits.iter().any(|(hash, _)| hash.starts_with(named.as_str())))
        .count();
    let by_script = if options.is_scripted() {
        compare(files::commits(), commits.iter().map(|(_, subject)| *subject))
    } else {
        Count::default()
    };
    Ok(Count { n_lost: by_script.n_lost.max(n_unreachable), ..by_script })
}

fn compare<'a>(
    wanted: impl Iterator<Item = &'static str>,
    found: impl Iterator<Item = &'a str>,
) -> Count {
    let mut n_of: BTreeMap<&str, usize> = BTreeMap::new();
    for subject in found {
        *n_of.entry(subject).or_default() += 1;
    }
    let mut count = Count::default();
    for subject in wanted {
        match n_of.get(subject) {
            None => count.n_lost += 1,
            Some(n) => count.n_twice += n - 1,
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_there_once() {
        let count = compare(["a", "b", "c"].into_iter(), ["c", "seed", "a", "c"].into_iter());
        assert_eq!(count, Count { n_twice: 1, n_lost: 1 });
    }
}
