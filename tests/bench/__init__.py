"""How fast, how small and how cheap, as ratios within one run: `make bench`."""
