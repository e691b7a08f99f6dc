//! Questions to the person, each with an answer that Enter takes.

use std::io::{self, BufRead, Write};

/// How often a wrong answer is asked again.
const ASK_MAX: usize = 3;

/// Somebody who can answer.
pub(super) struct Person<'a> {
    pub(super) answers: &'a mut dyn BufRead,
    pub(super) questions: &'a mut dyn Write,
}

impl Person<'_> {
    /// A line; `offered` where nothing is typed, `-` for nothing at all.
    pub(super) fn text(
        &mut self,
        question: &str,
        offered: Option<&str>,
    ) -> io::Result<Option<String>> {
        match offered {
            Some(offered) => write!(self.questions, "{question} [{offered}, - for none]: ")?,
            None => write!(self.questions, "{question} [none]: ")?,
        }
        self.questions.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(match line.trim() {
            "" => offered.map(str::to_owned),
            "-" => None,
            typed => Some(typed.to_owned()),
        })
    }

    /// One of several.
    pub(super) fn one_of(&mut self, question: &str, all: &[String]) -> io::Result<Option<String>> {
        let Some(first) = all.first() else { return Ok(None) };
        for _ in 0..ASK_MAX {
            let asked = format!("{question} ({})", all.join(", "));
            match self.text(&asked, Some(first))? {
                Some(name) if !all.contains(&name) => {
                    writeln!(self.questions, "{name} is none of them")?;
                }
                answer => return Ok(answer),
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no answer to: {question}")))
    }

    /// Yes or no; Enter is yes.
    pub(super) fn agrees(&mut self, question: &str) -> io::Result<bool> {
        write!(self.questions, "{question} [Y/n]: ")?;
        self.questions.flush()?;
        let mut line = String::new();
        // The end of the input is no consent.
        let n_read = self.answers.read_line(&mut line)?;
        Ok(n_read > 0 && matches!(line.trim().to_lowercase().as_str(), "" | "y" | "yes"))
    }
}
