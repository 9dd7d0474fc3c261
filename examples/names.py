"""A character-level language model that invents names like those in a list.

python examples/names.py                    # names of the months, days and planets
python examples/names.py my_names.txt       # one a line
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import unrolled as ur

NAMES = (
    "January February March April May June July August September October November December "
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mercury Venus Earth Mars Jupiter "
    "Saturn Uranus Neptune Pluto Ceres Eris Haumea Makemake Europa Ganymede Callisto Titan Rhea "
    "Dione Tethys Enceladus Mimas Iapetus Miranda Ariel Umbriel Titania Oberon Triton Charon"
)


def main(names=None, picture="names.svg", epochs=25):
    names = names or NAMES.split()
    text = "\n".join(names * 6) + "\n"
    model = ur.Generator(hidden=64, epochs=epochs, window=32, batch_size=8, validation=0.0).fit(
        text
    )
    written = model.generate_text("\n", length=300, temperature=0.8, seed=1)
    new = [word for word in dict.fromkeys(written.split()) if word not in names]
    print("new:", ", ".join(new[:12]))

    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    axes.plot([one["train_loss"] for one in model.history_])
    axes.set(xlabel="epoch", ylabel="loss, nats a character", title="Learning to spell names")
    figure.savefig(picture)
    return new


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text().split() if len(sys.argv) > 1 else None)
