"""The demo in the browser, with accounts, history and an API, all on one model."""
