"""The browser demo: one model behind a web page and an HTTP API, with accounts and history."""
