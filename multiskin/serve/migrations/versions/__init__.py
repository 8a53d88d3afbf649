"""The forms of the database, in order. What was released is never changed: a new form is a new file."""
