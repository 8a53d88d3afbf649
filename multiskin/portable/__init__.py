"""Inference without torch, from a self-contained ONNX file."""
