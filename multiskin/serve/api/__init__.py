"""The HTTP API: the functions of the page for programs, as JSON."""
