//! Frames between nodes and guards: one envelope, frozen structs, golden bytes.
