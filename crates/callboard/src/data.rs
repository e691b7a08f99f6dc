//! Which data folder is meant, and whether a node of it runs.

use std::path::{Path, PathBuf};

use callboard_node::{Config, DataFolder, Origin, RuntimeFile, config};

use crate::failure::{Failure, chain};

/// The folder of a flag, else of the configuration, else of the user.
pub(crate) fn folder(named: Option<&Path>, cfg: &Config) -> Result<DataFolder, Failure> {
    Ok(DataFolder::find(named.or(cfg.node.data_dir.as_deref()))?)
}

/// The same for commands that start nothing: only a folder that no flag names needs the
/// configuration.
pub(crate) fn folder_of_client(named: Option<&Path>) -> Result<DataFolder, Failure> {
    match named {
        Some(named) => Ok(DataFolder::find(Some(named))?),
        None => folder(None, &config::load(&Origin::default())?),
    }
}

/// The node of a data folder, if it runs. A file of a process that is gone, or of a process id that
/// another program has now, counts as none.
pub(crate) fn running(data: &DataFolder) -> Result<Option<RuntimeFile>, Failure> {
    let file = RuntimeFile::read(&data.runtime_file());
    let file = file.map_err(|error| Failure::from(anyhow::anyhow!(chain(&error))))?;
    Ok(file.filter(|file| is_callboard(file.pid)))
}

fn is_callboard(pid: u32) -> bool {
    let name = |path: PathBuf| {
        let program = std::fs::read_link(path).ok()?;
        let name = program.file_name()?.to_str()?.to_owned();
        // A program whose file was replaced since it started.
        Some(name.trim_end_matches(" (deleted)").to_owned())
    };
    let theirs = name(format!("/proc/{pid}/exe").into());
    theirs.is_some() && theirs == name("/proc/self/exe".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pid: u32) -> Option<RuntimeFile> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = DataFolder::find(Some(folder.path())).expect("absolute");
        let file = RuntimeFile {
            pid,
            url: "http://127.0.0.1:1".to_owned(),
            token_file: data.token(),
            version: "0".to_owned(),
        };
        file.write(&data.runtime_file()).expect("writable");
        running(&data).ok().flatten()
    }

    #[test]
    fn the_file_of_another_program_counts_as_none() {
        assert!(written(std::process::id()).is_some());
        assert!(written(1).is_none(), "init is no node");
        assert!(written(u32::MAX / 4).is_none(), "no such process");
    }
}
