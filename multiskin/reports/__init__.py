"""The tables, charts and HTML pages that commands write."""
