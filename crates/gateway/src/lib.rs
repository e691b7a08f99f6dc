//! The HTTP interface: commands in, views out, events as a stream.
