"""Scorers that are shipped: ONNX, linear and constant."""
