"""PyTorch layers: any cell as a `torch.nn.Module`, and drop-ins for torch.nn's own."""
