"""One pure function per verb: facts, policy and `now` in, a frozen plan out."""
