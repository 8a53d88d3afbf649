"""A trained network on photographs, without torch: from an ONNX file that says all there is to know of it."""
