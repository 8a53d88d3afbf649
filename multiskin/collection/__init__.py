"""Collections of photos too large for one process: many score them, and what is stopped goes on where it was."""
