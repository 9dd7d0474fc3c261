"""A direction as operators of torch's library: `kernels`, `autograd`, `vmap`. Importing this
registers them; next: `stack`, which calls `run` in calls that are traced or transformed.
"""

from typing import Any

import torch

from unrolled.layers.opaque import autograd, kernels, vmap

__all__ = ["autograd", "kernels", "run", "vmap"]

run: Any = torch.ops.unrolled.run
