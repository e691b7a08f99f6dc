//! Node, placement and directory: who runs where, and how a message gets there.
