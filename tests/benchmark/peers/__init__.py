"""The functions beside ours, each a program of its own that imports nothing of ours."""
