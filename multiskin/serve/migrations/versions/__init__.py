"""The revisions of the database schema. Released ones are never changed; each new revision is a new file."""
