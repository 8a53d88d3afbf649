"""A trained network on photographs, without torch: from an ONNX file that holds all there is to know about it."""
