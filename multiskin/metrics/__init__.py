"""How good grades are: pure functions of a confusion matrix, and one metric object that feeds them."""
