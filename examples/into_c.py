"""A custom cell as C for a microcontroller, compiled and compared if there is a compiler.

python examples/into_c.py
"""

import ctypes
import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import unrolled as ur
from unrolled import Cell, sigmoid, tanh


class Gated(Cell):
    """A minimal gated unit (Zhou et al. 2016)."""

    def step(self, x, h):
        f = sigmoid(self.W_f @ x + self.U_f @ h + self.b_f)
        return (1 - f) * h + f * tanh(self.W @ x + self.U @ (f * h) + self.b)


def main(picture="into_c.svg", folder="."):
    torch.manual_seed(0)
    layer = ur.Recurrent(Gated, 2, 8)
    written = ur.export(layer, Path(folder) / "gated.c")
    print(*written.notes, sep="\n")
    xs = torch.sin(torch.arange(60)[:, None] / torch.tensor([3.0, 7.0]))
    ours = layer(xs)[0].detach().numpy()

    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    axes.plot(ours[:, :4])
    axes.set(
        xlabel="time step", ylabel="h", title="Four units of the layer, and the same in C (dots)"
    )
    if shutil.which("gcc"):
        theirs = run_in_c(Path(folder), xs.numpy())
        print(f"largest difference: {np.abs(theirs - ours).max():.1e}")
        axes.plot(theirs[:, :4], "k.", markersize=3)
    figure.savefig(picture)


def run_in_c(folder, xs):
    """Compile the file into a library, and run it one time step after another."""
    library = folder.resolve() / "gated.so"
    command = ["gcc", "-O2", "-shared", "-fPIC", "-o", library, folder / "gated.c", "-lm"]
    subprocess.run(command, check=True)
    code = ctypes.CDLL(str(library))
    state = ctypes.create_string_buffer(4096)
    code.gated_init(state)
    results = []
    for x in xs:
        y = np.zeros(8, np.float32)
        code.gated_step(state, np.ascontiguousarray(x).ctypes.data_as(ctypes.c_void_p),
                        y.ctypes.data_as(ctypes.c_void_p))  # fmt: skip
        results.append(y)
    return np.stack(results)


if __name__ == "__main__":
    main()
