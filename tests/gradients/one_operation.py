"""A small cell for each operation of the language: what `test_operations` and mutations check."""

from unrolled import (
    Cell,
    abs,
    clip_gradient,
    concat,
    cos,
    exp,
    eye,
    floor,
    leaky_relu,
    log,
    max,
    maximum,
    mean,
    min,
    minimum,
    relu,
    sigmoid,
    sign,
    sin,
    softmax,
    softplus,
    split,
    sqrt,
    sum,
    tanh,
    where,
)


class _Combining(Cell):
    """Two values that differ in sign and size, combined by the operation."""

    def step(self, x, h):
        return self.combine(self.W @ x - h, self.U @ h + self.b)


class _Applying(Cell):
    """One value on either side of zero, and the operation on it."""

    def step(self, x, h):
        return self.apply(self.W @ x + self.U @ h + self.b)


def _combining(name, function):
    return type(name, (_Combining,), {"combine": staticmethod(function), "step": _Combining.step})


def _applying(name, function):
    return type(name, (_Applying,), {"apply": staticmethod(function), "step": _Applying.step})


class Matmul(Cell):
    """Products one after another: the derivative of the second reaches through the first."""

    def step(self, x, h):
        return self.V @ (self.U @ h + self.W @ x)

    sizes = {"U": "hidden_size"}


class Transpose(Cell):
    """The same matrix, and its transpose."""

    def step(self, x, h):
        return self.U @ h + self.U.T @ h + self.W @ x


class Negative(Cell):
    """An exponential keeps the sign from going to the front, where `sub` would take it up."""

    def step(self, x, h):
        return exp(-(self.W @ x * h))


class Eye(Cell):
    """A matrix of weights less the identity."""

    gamma = 0.3

    def step(self, x, h):
        return (self.U - self.gamma * eye) @ h + self.W @ x


class Concat(Cell):
    """One matrix for two vectors, and a joined vector that is used unit by unit."""

    sizes = {"A": "hidden_size"}

    def step(self, x, h):
        z = tanh(concat(self.A @ x, h))
        return self.V @ (z * z) + self.W @ concat(x, h)


class Part(Cell):
    """Vectors cut into equal parts and into named ones: of products, of a state, of joined ones."""

    sizes = {"c": "memory + rest"}

    def step(self, x, h, c):
        i, g = split(self.W @ x + self.U @ h + self.b, 2)
        m, r = split(c, self.memory, self.rest)
        h = sigmoid(i) * g + self.V @ r * sum(m)
        return h, concat(tanh(m + self.Q @ r), r * tanh(self.R @ concat(h, m)))


OPERATIONS = {
    "add": _combining("Add", lambda a, b: tanh(a) + b * 1.5),
    "sub": _combining("Sub", lambda a, b: tanh(a) - b * 1.5),
    "mul": _combining("Mul", lambda a, b: a * b),
    "div": _combining("Div", lambda a, b: a / (2 + sin(b))),
    "neg": Negative,
    "pow": _applying("Pow", lambda a: (2 + sin(a)) ** 1.7 + a**3),
    "matmul": Matmul,
    "transpose": Transpose,
    "tanh": _applying("Tanh", tanh),
    "sigmoid": _applying("Sigmoid", sigmoid),
    "relu": _applying("Relu", relu),
    "leaky_relu": _applying("LeakyRelu", lambda a: leaky_relu(a, 0.2)),
    "softplus": _applying("Softplus", softplus),
    "exp": _applying("Exp", lambda a: exp(0.5 * a)),
    "log": _applying("Log", lambda a: log(1 + a * a)),
    "sqrt": _applying("Sqrt", lambda a: sqrt(1 + a * a)),
    "abs": _applying("Abs", abs),
    "sign": _applying("Sign", lambda a: sign(a) * a),
    "floor": _applying("Floor", lambda a: (a - floor(a)) * sin(a)),
    "sin": _applying("Sin", sin),
    "cos": _applying("Cos", cos),
    "maximum": _combining("Maximum", lambda a, b: maximum(a, b)),
    "minimum": _combining("Minimum", lambda a, b: minimum(a, b)),
    "where": _combining("Where", lambda a, b: where((a > b) & ~(b > 1) | (a < -1), sin(a), b * a)),
    "sum": _combining("Sum", lambda a, b: sum(tanh(a)) * b),
    "mean": _combining("Mean", lambda a, b: a / (1 + mean(b * b)) + b),
    "max": _combining("Max", lambda a, b: max(tanh(a)) * b + min(a * b)),
    "min": _combining("Min", lambda a, b: min(tanh(a)) * b - a),
    "softmax": _combining("Softmax", lambda a, b: softmax(a) * b + softmax(a + b)),
    "clip_gradient": _applying("ClipGradient", lambda a: clip_gradient(tanh(a), 0.1)),
    "concat": Concat,
    "part": Part,
    "eye": Eye,
}
