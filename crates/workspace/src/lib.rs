//! Clones, checkpoints, published results and integration, by the git program.
