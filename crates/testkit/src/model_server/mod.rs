//! A model server without a model: it speaks the Anthropic Messages protocol on the loopback and
//! does what a script in the prompt says, so that the real agent programs run in tests.
//!
//! The script travels in the prompt, so a conversation that is resumed elsewhere, or after this
//! server was restarted, goes on where it stood:
//!
//! | directive | effect |
//! |---|---|
//! | `[[sh:COMMAND]]` | calls the shell tool that the client offers |
//! | `[[write:PATH\|TEXT]]` | calls the tool that writes files, else the shell |
//! | `[[tool:NAME\|JSON]]` | calls this tool with this input |
//! | `[[say:TEXT]]` | says it; the turn ends unless a tool call follows in the same step |
//! | `[[slow:SECONDS]]` | the step takes that long (at most 600) |
//! | `[[fail:STATUS:N]]` | the step's first N requests get this HTTP status |
//!
//! A step ends with a tool call or with the script; step n answers a request whose last user
//! message with a directive is followed by n assistant messages. After the script it says "done".
//! A `[[` inside a directive must be closed before the directive is.
//!
//! It deliberately checks no key, counts no tokens (the usage is fixed, see [`usage`]) and knows
//! no other protocol yet.

mod messages;
mod plan;
mod reply;
mod routes;
mod script;
mod server;
mod state;
pub mod usage;

pub use server::{Config, Error, ModelServer};
pub use state::Seen;
