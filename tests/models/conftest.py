import torch

torch.set_num_threads(1)  # networks this small gain nothing from threads
