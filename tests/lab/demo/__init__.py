"""The story that `make demo` tells, every line of it measured."""
