"""What one customer does across conversations."""
