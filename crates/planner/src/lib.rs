//! Plans: reading, checking, heuristic decomposition.
