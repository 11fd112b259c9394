"""What one step computes: losses, gradients, updates, and their compilation for all devices."""
