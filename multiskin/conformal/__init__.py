"""Sets of grades that hold the true one as often as asked, made from the probabilities of a head."""
