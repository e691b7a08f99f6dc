//! What agents' programs said: one file per agent, and the one before it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use callboard_agent::output::{Chunk, Output};
use callboard_domain::id::AgentId;

/// The longest line that is kept, in bytes.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// Files that are open at once. One more closes another: it is opened again when its agent speaks.
const OPEN_MAX: usize = 64;

/// Output in files. A file over half the limit becomes the older one, and the older one is forgotten.
pub(crate) struct OutputFiles {
    folder: PathBuf,
    bytes_max: u64,
    open: Mutex<BTreeMap<AgentId, Open>>,
}

struct Open {
    file: File,
    /// Where the present file begins in the agent's whole output.
    begin: u64,
    bytes: u64,
}

impl OutputFiles {
    pub(crate) fn new(folder: PathBuf, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, bytes_max, open: Mutex::default() })
    }

    fn path(&self, agent: &AgentId, which: &str) -> PathBuf {
        self.folder.join(format!("{agent}.{which}"))
    }

    fn open(&self, agent: &AgentId) -> io::Result<Open> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(self.path(agent, "log"))?;
        let bytes = file.metadata()?.len();
        // The length of all that was forgotten or rotated is kept in a small file.
        let begin = fs::read_to_string(self.path(agent, "begin"));
        let begin = begin.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Ok(Open { file, begin, bytes })
    }

    fn write(&self, agent: &AgentId, line: &str) -> io::Result<()> {
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(agent) {
            if all.len() >= OPEN_MAX {
                all.pop_first();
            }
            all.insert(agent.clone(), self.open(agent)?);
        }
        let Some(open) = all.get_mut(agent) else {
            return Ok(());
        };
        let cut = (0..=LINE_BYTES_MAX.min(line.len())).rev().find(|at| line.is_char_boundary(*at));
        let text = format!("{}\n", &line[..cut.unwrap_or(0)]);
        open.file.write_all(text.as_bytes())?;
        open.bytes += text.len() as u64;
        if open.bytes > self.bytes_max / 2 {
            let begin = open.begin + open.bytes;
            fs::rename(self.path(agent, "log"), self.path(agent, "old"))?;
            fs::write(self.path(agent, "begin"), begin.to_string())?;
            all.insert(agent.clone(), self.open(agent)?);
        }
        Ok(())
    }
}

impl Output for OutputFiles {
    fn append(&self, agent: &AgentId, line: &str) {
        if let Err(error) = self.write(agent, line) {
            tracing::warn!(agent_id = %agent, %error, "output of an agent was not kept");
        }
    }

    fn read(&self, agent: &AgentId, after: Option<u64>, bytes_max: u64) -> io::Result<Chunk> {
        let (mut file, Open { begin, bytes, .. }) = {
            // No rotation in between: the position must be the file's.
            let _all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            match File::open(self.path(agent, "log")) {
                Ok(file) => (file, self.open(agent)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Chunk::default());
                }
                Err(error) => return Err(error),
            }
        };
        let end = begin + bytes;
        let from = after.unwrap_or_else(|| end.saturating_sub(bytes_max)).clamp(begin, end);
        file.seek(SeekFrom::Start(from - begin))?;
        let mut read = Vec::new();
        file.take(bytes_max).read_to_end(&mut read)?;
        // Only whole lines, so that no character is cut.
        let whole = read.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        read.truncate(whole);
        let text = String::from_utf8_lossy(&read).into_owned();
        Ok(Chunk { text, next: from + whole as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> AgentId {
        AgentId::new("a").expect("legal")
    }

    #[test]
    fn output_is_read_on_from_where_it_ended() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = OutputFiles::new(folder.path().to_owned(), 1_000).expect("writable");
        output.append(&agent(), "one");
        let first = output.read(&agent(), None, 1_000).expect("readable");
        assert_eq!(first.text, "one\n");
        output.append(&agent(), "two");
        let second = output.read(&agent(), Some(first.next), 1_000).expect("readable");
        assert_eq!(second.text, "two\n");
    }

    #[test]
    fn open_files_are_bounded_and_nothing_is_lost() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = OutputFiles::new(folder.path().to_owned(), 1_000).expect("writable");
        let agents: Vec<_> =
            (0..OPEN_MAX + 2).map(|n| AgentId::new(format!("a{n}")).expect("legal")).collect();
        for text in ["one", "two"] {
            agents.iter().for_each(|agent| output.append(agent, text));
            let n_open = output.open.lock().expect("not poisoned").len();
            assert_eq!(n_open, OPEN_MAX);
        }
        for agent in &agents {
            let chunk = output.read(agent, None, 1_000).expect("readable");
            assert_eq!(chunk.text, "one\ntwo\n", "{agent}");
        }
    }

    #[test]
    fn old_output_is_forgotten_and_positions_go_on() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = OutputFiles::new(folder.path().to_owned(), 100).expect("writable");
        let mut next = 0;
        for n in 0..50 {
            output.append(&agent(), &format!("line {n}"));
            let chunk = output.read(&agent(), Some(next), 1_000).expect("readable");
            assert!(chunk.next >= next);
            next = chunk.next;
        }
        let kept: u64 = fs::read_dir(folder.path())
            .expect("readable")
            .map(|entry| entry.expect("readable").metadata().expect("readable").len())
            .sum();
        assert!(kept < 200, "{kept}");
    }
}
