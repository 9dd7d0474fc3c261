"""Second derivatives at the speed of kernels: how curved is the loss of an LSTM?

    python examples/second_order.py

The greatest eigenvalue of the Hessian of its weights, by power iteration with products of the
Hessian and a vector, while it learns the mean of what it has read.
"""

import matplotlib.pyplot as plt
import torch

import unrolled as ur


def sharpness(loss_of, parameters, iterations=8):
    """The largest eigenvalue of the Hessian of a loss, by power iteration."""
    gradients = torch.autograd.grad(loss_of(), parameters, create_graph=True)
    direction = [torch.randn_like(one) for one in parameters]
    for _ in range(iterations):
        length = torch.sqrt(sum((one**2).sum() for one in direction))
        direction = [one / length for one in direction]
        direction = torch.autograd.grad(gradients, parameters, direction, retain_graph=True)
    return torch.sqrt(sum((one**2).sum() for one in direction)).item()


def main(picture="second_order.svg", steps=120):
    torch.manual_seed(0)
    layer, readout = ur.LSTM(1, 16), torch.nn.Linear(16, 1)
    parameters = [*layer.parameters(), *readout.parameters()]
    optimizer = torch.optim.SGD(parameters, 0.05)
    x = torch.rand(20, 32, 1)

    def loss_of():
        return ((readout(layer(x)[0][-1]) - x.mean(0)) ** 2).mean()

    found = []
    for step in range(steps):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            found.append((step, loss.item(), sharpness(loss_of, [*layer.parameters()])))
    for step, loss, greatest in found[:: len(found) // 3]:
        print(f"step {step:3}: loss {loss:.4f}, greatest eigenvalue {greatest:.2f}")

    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    numbers, losses, greatest = zip(*found, strict=True)
    axes.semilogy(numbers, losses, label="loss")
    axes.semilogy(numbers, greatest, label="greatest eigenvalue of the Hessian")
    axes.set(xlabel="training step", title="How curved the loss of an LSTM is")
    axes.legend()
    figure.savefig(picture)


if __name__ == "__main__":
    main()
