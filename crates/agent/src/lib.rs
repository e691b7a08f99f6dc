//! The port to agent programs and their workspaces, and the descriptions of programs.
