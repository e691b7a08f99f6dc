//! The session of a scripted program: an append-only file of what it was told and what it did.
//!
//! Invariants: the end of a step is written, and on the disk, after its effect and before the next
//! step begins; so a resumed program repeats no completed step, and knows which one was in flight.
//! A last line without its end was being written when the program died, and is taken back. One
//! process at a time has the file: a second one waits until the first is dead.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use callboard_agent::event::TurnOutcome;
use callboard_stdx::fs::sync_folder;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum Entry {
    Run { prompt: Uuid, text: String, script: String },
    Begin { step: usize },
    End { step: usize },
    Ended { ended: Ended },
}

/// How the script of a prompt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) outcome: TurnOutcome,
    pub(super) summary: String,
}

/// The script that was begun last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The digest of the prompt.
    pub(super) text: String,
    pub(super) script: String,
    /// How many steps are completed: the index of the next one.
    pub(super) n_done: usize,
    /// Whether the next one was begun before.
    pub(super) in_flight: bool,
    pub(super) ended: Option<Ended>,
    /// Whether it ended in the life of an earlier process, so that nobody may have heard of it.
    pub(super) from_before: bool,
}

/// The file, open for appending.
pub(super) struct Journal {
    file: File,
    run: Option<Run>,
}

/// Where the file of a session is, relative to the home.
pub(super) fn path(session: &str) -> PathBuf {
    Path::new("sessions").join(format!("{session}.jsonl"))
}

impl Journal {
    /// Begins a session; one of the same name is an error.
    pub(super) fn create(home: &Path, session: &str) -> io::Result<Self> {
        let path = home.join(path(session));
        let folder = path.parent().unwrap_or(home);
        fs::create_dir_all(folder)?;
        let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        file.lock()?;
        sync_folder(folder)?;
        Ok(Self { file, run: None })
    }

    /// Goes on with a session.
    pub(super) fn open(home: &Path, session: &str) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).open(home.join(path(session)))?;
        file.lock()?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(u64::try_from(whole).map_err(io::Error::other)?)?;
            file.seek(io::SeekFrom::End(0))?;
        }
        let mut run = None;
        for line in text[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            apply(&mut run, serde_json::from_slice(line).map_err(io::Error::other)?);
        }
        if let Some(run) = &mut run {
            run.from_before = true;
        }
        Ok(Self { file, run })
    }

    /// The script that was begun last.
    pub(super) fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    pub(super) fn begin_run(
        &mut self,
        prompt: Uuid,
        text: String,
        script: String,
    ) -> io::Result<()> {
        self.append(Entry::Run { prompt, text, script })?;
        self.file.sync_data()
    }

    /// Not synced: a step that nobody remembers to have begun has left nothing on the disk either.
    pub(super) fn begin_step(&mut self, step: usize) -> io::Result<()> {
        self.append(Entry::Begin { step })
    }

    pub(super) fn end_step(&mut self, step: usize) -> io::Result<()> {
        self.append(Entry::End { step })?;
        self.file.sync_data()
    }

    pub(super) fn end_run(&mut self, ended: Ended) -> io::Result<()> {
        self.append(Entry::Ended { ended })?;
        self.file.sync_data()
    }

    /// An outcome that was told again is known now.
    pub(super) fn told(&mut self) {
        if let Some(run) = &mut self.run {
            run.from_before = false;
        }
    }

    fn append(&mut self, entry: Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        apply(&mut self.run, entry);
        Ok(())
    }
}

fn apply(run: &mut Option<Run>, entry: Entry) {
    match (entry, run) {
        (Entry::Run { prompt: _, text, script }, run) => {
            *run = Some(Run {
                text,
                script,
                n_done: 0,
                in_flight: false,
                ended: None,
                from_before: false,
            });
        }
        (Entry::Begin { step }, Some(run)) if step == run.n_done => run.in_flight = true,
        (Entry::End { step }, Some(run)) if step == run.n_done => {
            run.n_done += 1;
            run.in_flight = false;
        }
        (Entry::Ended { ended }, Some(run)) => run.ended = Some(ended),
        // Out of order: nothing that this program writes.
        (Entry::Begin { .. } | Entry::End { .. } | Entry::Ended { .. }, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (tempfile::TempDir, Journal) {
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut journal = Journal::create(home.path(), "s").expect("writable");
        let (text, script) = ("t".to_owned(), "say a".to_owned());
        journal.begin_run(Uuid::nil(), text, script).expect("writable");
        (home, journal)
    }

    /// Closes and opens it again, as the next life does.
    #[track_caller]
    fn check(home: &Path, journal: Journal, n_done: usize, in_flight: bool) -> Journal {
        drop(journal);
        let journal = Journal::open(home, "s").expect("readable");
        let run = journal.run().expect("a run");
        assert_eq!((run.n_done, run.in_flight), (n_done, in_flight));
        journal
    }

    #[test]
    fn resumed_session_knows_what_is_done_and_what_was_in_flight() {
        let (home, journal) = journal();
        let mut journal = check(home.path(), journal, 0, false);
        journal.begin_step(0).expect("writable");
        let mut journal = check(home.path(), journal, 0, true);
        journal.end_step(0).expect("writable");
        let mut journal = check(home.path(), journal, 1, false);
        journal.begin_step(1).expect("writable");
        check(home.path(), journal, 1, true);
    }

    #[test]
    fn torn_last_line_is_taken_back_and_written_over() {
        let (home, mut journal) = journal();
        journal.end_step(0).expect("writable");
        drop(journal);
        let path = home.path().join(path("s"));
        let whole = fs::read(&path).expect("readable");
        for cut in 1..20 {
            fs::write(&path, &whole[..whole.len() - cut]).expect("writable");
            let mut journal = Journal::open(home.path(), "s").expect("readable");
            assert_eq!(journal.run().map(|run| run.n_done), Some(0), "cut by {cut}");
            journal.end_step(0).expect("writable");
            assert_eq!(fs::read(&path).expect("readable"), whole);
        }
    }

    #[test]
    fn second_process_waits_until_the_first_is_dead() {
        let (home, first) = journal();
        let folder = home.path().to_owned();
        let second = std::thread::spawn(move || Journal::open(&folder, "s").map(|_| ()));
        let file = File::open(home.path().join(path("s"))).expect("readable");
        assert!(file.try_lock().is_err() && !second.is_finished());
        drop(first);
        second.join().expect("no panic").expect("readable");
    }

    #[test]
    fn missing_session_is_an_error_and_none_is_begun_twice() {
        let (home, _journal) = journal();
        assert!(Journal::open(home.path(), "other").is_err());
        assert!(Journal::create(home.path(), "s").is_err());
    }
}
