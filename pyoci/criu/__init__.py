"""criu(8), which takes processes apart and puts them together again: how to talk to it. Cold paths only."""
