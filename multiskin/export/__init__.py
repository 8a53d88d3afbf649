"""Trained models as files for others: ONNX, which runs without torch, and the hub's own folders."""
