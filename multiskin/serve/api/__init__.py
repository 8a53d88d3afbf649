"""The HTTP interface for programs: what the page shows, as JSON."""
