//! The ports in memory with virtual time and injected faults, for simulation.
