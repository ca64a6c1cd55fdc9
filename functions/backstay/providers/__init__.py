"""What talks to the world: one package per system, one file per port."""
