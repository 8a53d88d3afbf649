"""The tables and pictures that commands leave behind."""
