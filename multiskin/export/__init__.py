"""Export of trained models to ONNX, which runs without torch."""
