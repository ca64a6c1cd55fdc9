"""The verbs: observe, decide, apply, report. Written against core.ports only."""
