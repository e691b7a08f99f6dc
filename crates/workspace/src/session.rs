//! The provider's session files under an agent's home.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use callboard_agent::workspace::Error;

use crate::files;

/// One session file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionFile {
    /// Its path relative to the home.
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) bytes: Vec<u8>,
}

/// What was found under the home.
#[derive(Debug)]
pub(crate) enum Sessions {
    Read(Vec<SessionFile>),
    /// More bytes than the limit; the files with their sizes.
    TooLarge(Vec<(String, u64)>),
}

/// Reads the session files, in the order of their paths. What does not exist is left out, and so
/// are symbolic links: they may lead out of the home.
pub(crate) async fn read(
    home: &Path,
    paths: &[PathBuf],
    bytes_max: u64,
) -> Result<Sessions, Error> {
    for path in paths {
        check(path)?;
    }
    let (owned, paths) = (home.to_path_buf(), paths.to_vec());
    files::blocking("read session files in", home, move || {
        let mut found = Vec::new();
        for path in paths {
            walk(&owned, &path, &mut found)?;
        }
        found.sort();
        found.dedup();
        let total: u64 = found.iter().map(|(_, bytes)| bytes).sum();
        if total > bytes_max {
            return Ok(Sessions::TooLarge(found));
        }
        let mut sessions = Vec::new();
        for (path, _) in found {
            sessions.extend(read_file(&owned, path)?);
        }
        Ok(Sessions::Read(sessions))
    })
    .await
}

/// Writes session files under the home.
pub(crate) async fn write(home: &Path, sessions: Vec<SessionFile>) -> Result<(), Error> {
    for session in &sessions {
        check(Path::new(&session.path))?;
    }
    let owned = home.to_path_buf();
    files::blocking("write session files in", home, move || {
        for SessionFile { path, mode, bytes } in sessions {
            let path = owned.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            callboard_stdx::fs::write_atomic(&path, &bytes, mode)?;
        }
        Ok(())
    })
    .await
}

/// A path that stays under the home.
fn check(path: &Path) -> Result<(), Error> {
    let stays = path.components().all(|it| matches!(it, Component::Normal(_)));
    if stays && path.components().next().is_some() {
        return Ok(());
    }
    Err(Error::BadInput { what: "session file", text: path.display().to_string() })
}

fn walk(home: &Path, path: &Path, found: &mut Vec<(String, u64)>) -> io::Result<()> {
    let facts = match fs::symlink_metadata(home.join(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        facts => facts?,
    };
    if facts.is_dir() {
        for entry in fs::read_dir(home.join(path))? {
            walk(home, &path.join(entry?.file_name()), found)?;
        }
    } else if facts.is_file() {
        match path.to_str() {
            Some(name) => found.push((name.to_owned(), facts.len())),
            None => {
                tracing::warn!(path = %path.display(), "session file without a UTF-8 name left out")
            }
        }
    }
    Ok(())
}

fn read_file(home: &Path, path: String) -> io::Result<Option<SessionFile>> {
    let full = home.join(&path);
    let read = fs::symlink_metadata(&full).and_then(|facts| Ok((facts, fs::read(&full)?)));
    match read {
        // Removed in the meantime: as if it had never been there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok((facts, bytes)) => {
            Ok(Some(SessionFile { path, mode: facts.permissions().mode() & 0o777, bytes }))
        }
    }
}
