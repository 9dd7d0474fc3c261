"""A text classifier in PyTorch, from top to bottom: data, model, training, accuracy, curves.

    python examples/classify_texts.py            # a few minutes on two cores
    python examples/classify_texts.py --epochs 2 --sentences 400

Each sentence of the documentation that comes with Python occurs twice: in its original order, and
with its words shuffled. Only the order of the words distinguishes the two. Three models learn the
task: the mean of the word vectors (feed-forward), a simple RNN, and an LSTM. The recurrent layers
are PyTorch's; `--unrolled` takes those of unrolled, which changes one line.
"""

import argparse

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.data import DataLoader

import unrolled
from unrolled.labs.classify.texts import order


class Classifier(nn.Module):
    """Embedding, a recurrent layer, and a linear layer on its last state."""

    def __init__(self, layer, words, width, classes):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.recurrent = layer(width, width)
        self.output = nn.Linear(width, classes)

    def forward(self, words, lengths):
        vectors = self.embedding(words)  # (time, batch, width)
        packed = nn.utils.rnn.pack_padded_sequence(vectors, lengths, enforce_sorted=False)
        _, state = self.recurrent(packed)
        last = state[0] if isinstance(state, tuple) else state  # the LSTM has (h, c)
        return self.output(last[-1])


class FeedForward(nn.Module):
    """The mean of the word vectors, a hidden layer, and a linear layer: word order is lost."""

    def __init__(self, words, width, classes):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.output = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, classes))

    def forward(self, words, lengths):
        is_word = torch.arange(len(words))[:, None] < lengths
        total = (self.embedding(words) * is_word[..., None]).sum(0)
        return self.output(total / lengths[:, None])


def collate(pairs):
    """A batch: word numbers (time, batch), padded at the end, their lengths, and the labels."""
    words, labels = zip(*pairs, strict=True)
    lengths = torch.tensor([len(sentence) for sentence in words])
    return nn.utils.rnn.pad_sequence(words), lengths, torch.tensor(labels)


def run_epoch(model, loader, optimizer=None):
    """One pass over the data, which trains if there is an optimizer. Returns loss and accuracy."""
    model.train(optimizer is not None)
    loss_sum = correct = count = 0
    with torch.set_grad_enabled(optimizer is not None):
        for words, lengths, labels in loader:
            scores = model(words, lengths)
            loss = nn.functional.cross_entropy(scores, labels)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
            loss_sum += loss.item() * len(labels)
            correct += (scores.argmax(1) == labels).sum().item()
            count += len(labels)
    return loss_sum / count, correct / count


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--sentences", type=int, default=4000)
    parser.add_argument("--unrolled", action="store_true", help="unrolled's layers, not PyTorch's")
    parser.add_argument("--curves", default="curves.svg", help="where the picture goes")
    options = parser.parse_args(arguments)

    task = order(None, seed=0, most=options.sentences)
    train, test = (
        [(torch.tensor(task.encode(words)), label) for words, label in pairs]
        for pairs in (task.train, task.test)
    )
    library = unrolled if options.unrolled else torch.nn
    words, width, classes = len(task.vocabulary) + 1, 48, len(task.classes)

    figure, (loss_axes, accuracy_axes) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    final = {}
    for name in ("feed-forward", "RNN", "LSTM"):
        torch.manual_seed(0)
        if name == "feed-forward":
            model = FeedForward(words, width, classes)
        else:
            model = Classifier(getattr(library, name), words, width, classes)
        optimizer = torch.optim.Adam(model.parameters(), 0.004)
        train_loader = DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
        test_loader = DataLoader(test, batch_size=64, collate_fn=collate)
        history = []
        for epoch in range(1, options.epochs + 1):
            loss, accuracy = run_epoch(model, train_loader, optimizer)
            test_loss, test_accuracy = run_epoch(model, test_loader)
            history.append((loss, test_loss, accuracy, test_accuracy))
            print(
                f"{name:12}  epoch {epoch}  loss {loss:.4f}  accuracy {accuracy:.1%}  "
                f"test loss {test_loss:.4f}  test accuracy {test_accuracy:.1%}"
            )
        epochs, curves = range(1, options.epochs + 1), list(zip(*history, strict=True))
        for axes, learned, tested in ((loss_axes, 0, 1), (accuracy_axes, 2, 3)):
            (line,) = axes.plot(epochs, curves[learned], "--")
            axes.plot(epochs, curves[tested], color=line.get_color(), label=name)
        final[name] = history[-1][3]
    loss_axes.set(xlabel="epoch", ylabel="loss (dashed: training)")
    accuracy_axes.set(xlabel="epoch", ylabel="accuracy (dashed: training)")
    accuracy_axes.legend()
    figure.savefig(options.curves)
    plt.close(figure)
    print(f"The curves are in {options.curves}.")
    return final


if __name__ == "__main__":
    main()
