"""Pure domain: facts, policy and time in, findings and plans out. Imports the standard library only."""
