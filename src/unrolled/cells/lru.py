"""The linear recurrent unit, whose diagonal is complex."""

from math import log, pi

from unrolled.cells.base import Cell
from unrolled.equations.functions import cos, exp, sin, sqrt


class LRU(Cell):
    """The linear recurrent unit (Orvieto et al. 2023), in real numbers.

    radius = exp(-exp(nu))
    angle = exp(theta)
    a = radius * cos(angle)
    b = radius * sin(angle)
    gamma = sqrt(1 - radius**2)
    net_re = B_re @ x
    re = a * re_prev - b * im_prev + gamma * net_re
    net_im = B_im @ x
    im = b * re_prev + a * im_prev + gamma * net_im
    y = D @ x + C_re @ re - C_im @ im

    The state is s = re + i im, its diagonal lambda = radius * exp(i angle), and y is the real part
    of C s, plus D x. The radius starts between 0.9 and 0.999, the angle below pi / 10.
    """

    initial = {
        "nu": ("uniform", log(-log(0.999)), log(-log(0.9))),
        "theta": ("uniform", log(pi / 1000), log(pi / 10)),
        "B_re": "glorot", "B_im": "glorot", "C_re": "glorot", "C_im": "glorot",
    }  # fmt: skip

    def step(self, x, y, re, im):
        radius, angle = exp(-exp(self.nu)), exp(self.theta)
        a, b = radius * cos(angle), radius * sin(angle)
        gamma = sqrt(1 - radius**2)
        re, im = (
            a * re - b * im + gamma * (self.B_re @ x),
            b * re + a * im + gamma * (self.B_im @ x),
        )
        return self.C_re @ re - self.C_im @ im + self.D @ x, re, im
