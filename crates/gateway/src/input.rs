//! Reading what clients send. Whatever is wrong with it is a usage error that says what and where.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::answer::Failure;

/// Reads a JSON body.
pub(crate) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::usage(format!("failed to read the request's JSON: {error}")))
}

/// Reads a JSON body that may be left out.
pub(crate) fn body_or_default<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, Failure> {
    if bytes.is_empty() { Ok(T::default()) } else { body(bytes) }
}

/// Reads a name, an id or a word.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::usage(error.to_string()))
}

/// Reads an id that is a UUID.
pub(crate) fn parse_id<T: FromStr>(what: &str, text: &str) -> Result<T, Failure> {
    let shown: String = text.chars().take(80).collect();
    text.parse().map_err(|_| {
        Failure::usage(format!(
            "{shown:?} is no {what} id: it is a UUID, such as 0198c0de-0000-7000-8000-000000000000"
        ))
    })
}
