//! What may be done without a person: the allow and deny policy.
