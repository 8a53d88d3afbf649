"""One model against a model per attribute: the runs, what they say, how sure that is, and what both sides cost."""
