"""What the simulated models say: pure functions from a question to an answer, without clock or chance."""
