"""Collections of photos too large for one process: many score them, and stopped work resumes where it was."""
