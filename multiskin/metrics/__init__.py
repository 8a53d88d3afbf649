"""How well grades are told: pure functions of a confusion matrix, and one metric object that feeds them."""
