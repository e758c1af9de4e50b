"""Tensor functions and methods, lower case as in torch, by family."""
