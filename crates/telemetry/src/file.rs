//! A log file of bounded size: when it is full, it becomes `<file>.1` and a new one begins.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The present file and its older brother. Each write is one log line and is never split.
#[derive(Debug)]
pub(crate) struct BoundedFile {
    path: PathBuf,
    file: File,
    n_bytes: u64,
    n_bytes_max: u64,
}

impl BoundedFile {
    /// Opens or continues a file, readable by its owner alone.
    pub(crate) fn open(path: &Path, n_bytes_max: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let n_bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, n_bytes, n_bytes_max })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let mut older = self.path.clone().into_os_string();
        older.push(".1");
        fs::rename(&self.path, older)?;
        *self = Self::open(&self.path, self.n_bytes_max)?;
        Ok(())
    }
}

impl Write for BoundedFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let n_bytes_line = line.len() as u64;
        if self.n_bytes > 0 && self.n_bytes + n_bytes_line > self.n_bytes_max {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.n_bytes += n_bytes_line;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_file_is_kept_once_and_begun_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("logs/node.log");
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            let mut file = BoundedFile::open(&path, 9).expect("writable");
            file.write_all(line.as_bytes()).expect("writable");
        }
        assert_eq!(fs::read_to_string(&path).expect("readable"), "four\n");
        let older = folder.path().join("logs/node.log.1");
        assert_eq!(fs::read_to_string(older).expect("readable"), "three\n");
        assert_eq!(fs::read_dir(folder.path().join("logs")).expect("readable").count(), 2);
    }
}
