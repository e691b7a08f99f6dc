//! What must be there before a described program starts: arguments, environment, files.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use callboard_agent::Launch;
use callboard_agent::description::{Description, Preseed, Variables};
use callboard_process::Environment;
use callboard_stdx::fs::write_atomic;

/// A folder with more entries than this is not searched to its end for session files.
const ENTRIES_MAX: usize = 10_000;

/// Whether the program asks, or may do everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permissions {
    Asked,
    Bypassed,
}

/// The placeholders of a launch.
pub(super) fn variables<'a>(launch: &'a Launch, session: &'a str) -> Variables<'a> {
    Variables {
        home: &launch.home,
        folder: &launch.folder,
        session,
        model: launch.model.as_deref().unwrap_or_default(),
    }
}

/// All arguments after the program's name.
pub(super) fn args(
    description: &Description,
    launch: &Launch,
    session: &str,
    permissions: Permissions,
) -> Vec<OsString> {
    let given = &description.launch;
    let mut args = description.command[1..].to_vec();
    args.extend_from_slice(&given.args);
    args.extend_from_slice(match permissions {
        Permissions::Asked => &given.permission_args,
        Permissions::Bypassed => &given.bypass_args,
    });
    args.extend_from_slice(match launch.resume {
        Some(_) => &given.resume_args,
        None => &given.start_args,
    });
    if launch.model.is_some() {
        args.extend_from_slice(&given.model_args);
    }
    let filled = variables(launch, session).fill_all(&args);
    filled.into_iter().map(OsString::from).collect()
}

/// The whole environment: the host's cleaned one, the description's, the launch's.
pub(super) fn environment(
    description: &Description,
    launch: &Launch,
    session: &str,
    permissions: Permissions,
) -> Environment {
    let vars = variables(launch, session);
    let mut env = Environment::cleaned();
    env.extend(description.env.iter().map(|(name, value)| (name, vars.fill(value))));
    if permissions == Permissions::Bypassed {
        let bypass = &description.launch.bypass_env;
        env.extend(bypass.iter().map(|(name, value)| (name, vars.fill(value))));
    }
    env.extend(launch.env.iter());
    env
}

/// The credentials of which the program needs one, where the launch has none.
pub(super) fn missing_credentials<'a>(
    description: &'a Description,
    launch: &Launch,
) -> Option<&'a [String]> {
    let one_of = &description.credentials.one_of;
    let given = one_of.is_empty() || one_of.iter().any(|name| launch.env.contains_key(name));
    (!given).then_some(one_of)
}

/// Makes the home and writes the preseeded files. Blocks on the disk.
pub(super) fn write_preseed(description: &Description, launch: &Launch) -> io::Result<()> {
    fs::create_dir_all(&launch.home)?;
    for Preseed { path, text, always } in &description.preseed {
        let path = launch.home.join(path);
        if !always && path.exists() {
            continue;
        }
        fs::create_dir_all(path.parent().unwrap_or(&launch.home))?;
        write_atomic(&path, variables(launch, "").fill(text).as_bytes(), 0o600)?;
    }
    Ok(())
}

/// The files that hold a conversation, relative to the home, sorted. Blocks on the disk.
pub(super) fn session_files(
    description: &Description,
    launch: &Launch,
    session: &str,
) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for pattern in &description.session.files {
        let pattern = variables(launch, session).fill(pattern);
        let mut places = vec![PathBuf::new()];
        for part in pattern.split('/') {
            places = match part {
                "*" => children(&launch.home, &places)?,
                name => places.into_iter().map(|place| place.join(name)).collect(),
            };
        }
        found.extend(places.into_iter().filter(|place| launch.home.join(place).is_file()));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn children(home: &Path, places: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut children = Vec::new();
    for place in places {
        let entries = match fs::read_dir(home.join(place)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries.take(ENTRIES_MAX) {
            children.push(place.join(entry?.file_name()));
        }
    }
    Ok(children)
}

/// The end of a file, at most so many bytes. Blocks on the disk.
pub(super) fn read_tail(path: &Path, len_max: u64) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(len_max)))?;
    let mut tail = Vec::new();
    file.take(len_max).read_to_end(&mut tail)?;
    Ok(String::from_utf8_lossy(&tail).into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use callboard_agent::description;

    use super::*;

    fn launch(home: &Path) -> Launch {
        Launch {
            agent: "a".parse().expect("legal"),
            epoch: 1,
            folder: "/w".into(),
            home: home.to_owned(),
            resume: None,
            model: None,
            env: BTreeMap::new(),
        }
    }

    fn claude() -> Description {
        let name = "claude".parse().expect("legal");
        description::builtin().remove(&name).expect("built in")
    }

    fn has(args: &[OsString], wanted: &[&str]) -> bool {
        args.windows(wanted.len()).any(|window| window == wanted)
    }

    #[test]
    fn claude_is_started_resumed_and_asked_never_bypassed_by_default() {
        let mut launch = launch(Path::new("/h"));
        let start = args(&claude(), &launch, "s", Permissions::Asked);
        assert!(has(&start, &["--session-id", "s"]) && !has(&start, &["--model"]), "{start:?}");
        assert!(has(&start, &["--permission-mode", "default"]), "{start:?}");
        assert!(has(&start, &["--setting-sources", "user"]), "{start:?}");
        launch.resume = Some("s".to_owned());
        launch.model = Some("m".to_owned());
        let resume = args(&claude(), &launch, "s", Permissions::Bypassed);
        assert!(has(&resume, &["--resume", "s"]) && has(&resume, &["--model", "m"]), "{resume:?}");
        assert!(has(&resume, &["--permission-mode", "bypassPermissions"]), "{resume:?}");
        let env = environment(&claude(), &launch, "s", Permissions::Asked);
        assert_eq!(env.get("CLAUDE_CONFIG_DIR"), Some("/h/.claude".as_ref()));
        assert_eq!(env.get("IS_SANDBOX"), None);
        let env = environment(&claude(), &launch, "s", Permissions::Bypassed);
        assert_eq!(env.get("IS_SANDBOX"), Some("1".as_ref()));
    }

    #[test]
    fn one_credential_is_enough() {
        let mut launch = launch(Path::new("/h"));
        assert!(missing_credentials(&claude(), &launch).is_some());
        launch.env.insert("CLAUDE_CODE_OAUTH_TOKEN".to_owned(), "t".to_owned());
        assert!(missing_credentials(&claude(), &launch).is_none());
    }

    #[test]
    fn preseed_keeps_what_the_program_wrote() {
        let home = tempfile::tempdir().expect("a folder");
        let read = |path: &str| fs::read_to_string(home.path().join(path)).expect("written");
        write_preseed(&claude(), &launch(home.path())).expect("writable");
        fs::write(home.path().join(".claude/.claude.json"), "changed").expect("writable");
        fs::write(home.path().join(".claude/CLAUDE.md"), "old").expect("writable");
        write_preseed(&claude(), &launch(home.path())).expect("writable");
        assert_eq!(read(".claude/.claude.json"), "changed");
        assert!(read(".claude/CLAUDE.md").contains("@/w/AGENTS.md"));
    }

    #[test]
    fn session_files_are_found_in_any_folder() {
        let home = tempfile::tempdir().expect("a folder");
        let launch = launch(home.path());
        let found = || session_files(&claude(), &launch, "s").expect("readable");
        assert_eq!(found(), [] as [PathBuf; 0], "no folder yet");
        for path in [".claude/projects/-b/s.jsonl", ".claude/projects/-a/other.jsonl"] {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            fs::write(path, "0123456789").expect("writable");
        }
        assert_eq!(found(), [PathBuf::from(".claude/projects/-b/s.jsonl")]);
        assert_eq!(read_tail(&home.path().join(&found()[0]), 4).expect("readable"), "6789");
    }
}
