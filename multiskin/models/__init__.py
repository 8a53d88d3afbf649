"""The network: a backbone of timm and one head an attribute, in plain PyTorch."""
