"""From a table of photographs and grades to the batches a network sees."""
