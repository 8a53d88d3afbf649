import torch

torch.set_num_threads(1)  # networks this small only wait for their threads
