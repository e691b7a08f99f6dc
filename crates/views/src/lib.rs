//! Folds of the log that answer questions: tasks, agents, projects, receipts.
