"""The boards: the questions, their order, and the panels that answer them."""
