//! Every day, week or month.
