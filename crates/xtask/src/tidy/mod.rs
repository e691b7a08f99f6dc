//! The rules of this repository that neither rustc nor clippy can check.
//!
//! Each rule is a pure function over a file's text; [`run`] reads the files and prints what was
//! found as `path:line: rule: what to do`.

mod doc_rules;
mod finding;
mod layers;
mod length;
mod logs;
mod metadata;
mod run;
mod rust_rules;
mod source;
mod text_rules;

pub(crate) use run::run;
