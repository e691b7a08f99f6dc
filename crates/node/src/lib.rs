//! The composition root: configuration, start and staged stop of one node.
