"""The base class of cells: a step, its weights, and the reference that runs them. In: the user's
subclass. Out: `Cell`, `equation`; next: `engines`, `layers`, `textbook`.

A subclass only defines `step(self, x, *states)`. Called with arrays, the step *is* the reference
for everything in unrolled: the user's own lines, run on columns, one time step after another.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from unrolled.cells.initial import check_rule, draw, in_order
from unrolled.equations.equation import Equation
from unrolled.equations.inputs import columns
from unrolled.equations.trace import trace
from unrolled.errors import CellError, ShapeError

Array = NDArray[Any]
_traced: WeakKeyDictionary[type, dict[tuple[Any, ...], Equation]] = WeakKeyDictionary()


class Cell:
    """A recurrent cell: `step` computes the new states from the input and the old states.

    >>> from unrolled import Cell, tanh
    >>> class Elman(Cell):
    ...     def step(self, x, h):
    ...         return tanh(self.W @ x + self.U @ h + self.b)
    >>> cell = Elman(input_size=3, hidden_size=4, seed=0)
    >>> list(cell.weights)
    ['W', 'U', 'b']

    Keyword-only parameters, `step(self, x, h, *, dt, mask)`, are named inputs, which are given at
    each step: `cell.unroll(xs, dt=..., mask=...)`. With a default, `dt=1.0`, they are optional.

    Class attributes declare what cannot be inferred from the step: `sizes = {"h": "proj_size"}`
    (the size of a state, of a named input, or of a weight's rows), `initial = {"b_f": 1.0, "U":
    "orthogonal"}` (initial values), `scalars = ("zeta",)` (weights that are a single number),
    `initial_state = {"m": -inf}`, `fixed = ("U",)` (weights that a layer does not train), and
    `output = "y"` (the step returns y, which is not a state, before its new states). Every other
    public attribute is a hyperparameter, which `Elman(3, 4, gamma=0.1)` can set: a number, a
    string, or an array, which becomes a constant of the equation. `constants` computes arrays from
    other hyperparameters.
    """

    sizes: ClassVar[Mapping[str, str]] = {}
    initial: ClassVar[Mapping[str, Any]] = {}
    scalars: ClassVar[Sequence[str]] = ()
    initial_state: ClassVar[Mapping[str, float]] = {}
    fixed: ClassVar[Sequence[str]] = ()
    output: ClassVar[str | None] = None
    reserved_names: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "step" in vars(cls):
            cls.step = _on_columns(vars(cls)["step"])  # type: ignore[method-assign]

    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        *,
        seed: int | None = None,
        **hyperparameters: Any,
    ) -> None:
        known = hyperparameters_of(type(self))
        own = {name: value for name, value in hyperparameters.items() if name in known}
        self.__dict__.update(own, _own=own)  # found before the class's
        self.__dict__.update(_computed(type(self), known | own))
        self.__dict__["_weights"] = {}
        self.__dict__["_equation"] = derived = equation(self)
        asked = {"input_size": input_size, "hidden_size": hidden_size}
        asked |= {name: value for name, value in hyperparameters.items() if name not in own}
        _refuse_unknown(self, derived, asked, known)
        sized = {name: getattr(self, name) for name in derived.sizes if name in known}
        numbers = {name: value for name, value in asked.items() if value is not None} | sized
        own_sizes = {n: v for n, v in numbers.items() if n not in ("input_size", "hidden_size")}
        own_sizes = {n: v for n, v in derived.lengths.items() if n not in asked} | own_sizes
        derived.check_sizes(**own_sizes)
        self.__dict__.update(_sizes={}, _own_sizes=own_sizes)
        if input_size is None and hidden_size is None:
            return
        if derived.input_is_hidden and input_size is None:
            numbers["input_size"] = numbers["hidden_size"]
        self.__dict__["_sizes"] = resolved = derived.resolve(**numbers)
        if derived.input_is_hidden:
            resolved["input_size"] = resolved["hidden_size"]
        units = resolved.get("hidden_size", self._width(self.states[0]))
        generator = np.random.default_rng(seed)
        drawn: dict[str, Array] = {}
        for name in in_order(derived.initial, derived.weights):
            lengths = tuple(resolved[size] for size in derived.weights[name])
            rule = derived.initial.get(name)
            drawn[name] = draw(rule, lengths, units, generator, resolved, drawn)
        self._weights.update((name, drawn[name]) for name in derived.weights)

    def constants(self) -> Mapping[str, Any]:
        """Constant arrays and numbers, by name, computed from the hyperparameters.

        A cell may `return {"A": transition(self.order)}`, for example, and use `self.A @ m` in its
        step.
        """
        return {}

    def step(self, x: Any, *states: Any, **named: Any) -> Any:
        """One time step: returns the new states; the first is the output. Subclasses define it."""
        raise NotImplementedError

    def unroll(self, xs: Any, states: Any = None, **named: Any) -> tuple[Array, tuple[Array, ...]]:
        """Run the step over xs, (T, I) or (T, I, B). Returns all outputs, and the final states.

        A named input has shape (T, n) or (T, n, B), or (T,) or (T, B) for one number per step, or
        is a single number.
        """
        xs = np.asarray(xs)
        if xs.ndim not in (2, 3):
            raise ShapeError(
                f"xs must be (time, input) or (time, input, batch), but has {xs.ndim} axes: "
                f"{xs.shape}"
            )
        if not np.issubdtype(xs.dtype, np.floating):
            xs = xs.astype(np.float64)
        now = self._start(xs) if states is None else _tuple(states)
        now = tuple(np.asarray(state, xs.dtype) for state in now)
        first = next(iter(equation(self).states))
        outputs = np.empty((len(xs), self._width(first), *xs.shape[2:]), xs.dtype)
        beside = columns(equation(self), named, self._known_sizes(), xs)
        has_output = equation(self).output is not None
        for t, x in enumerate(xs):
            new = _tuple(self.step(x, *now, **{name: array[t] for name, array in beside.items()}))
            outputs[t], now = new[0], new[1:] if has_output else new
        return outputs, now

    @property
    def weights(self) -> dict[str, Array]:
        """Name -> array, in the order of the equation: the arrays themselves, not copies."""
        weights: dict[str, Array] = self.__dict__["_weights"]
        return weights

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the states; the first is the output, unless `output` is declared."""
        return tuple(equation(self).carried)

    @property
    def input_size(self) -> int | None:
        """The number of inputs at each step; None for a cell without sizes."""
        return self._known_sizes().get("input_size")

    @property
    def hidden_size(self) -> int | None:
        """The number of units; None for a cell without sizes."""
        return self._known_sizes().get("hidden_size")

    def bind(self, weights: Mapping[str, Any]) -> Any:
        """This cell with other weights, as any kind of arrays, in the form that the step sees.

        For example, `cell.bind(tensors).step(x, h)` runs the step on torch tensors.
        """
        bound = object.__new__(type(self))
        like = next(iter(weights.values()), None)
        constants = {
            name: _as_column(node.array, like) for name, node in equation(self).constants.items()
        }
        bound.__dict__.update(self.__dict__, _weights=dict(weights), _bound=True, **constants)
        return bound

    def __getattr__(self, name: str) -> Any:
        weights = self.__dict__.get("_weights", {})
        if name in weights:
            return weights[name]
        if name in self.__dict__.get("_sizes", {}):
            return self._sizes[name]
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(_no_such_weight(self, name, weights))

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get("_bound"):
            raise CellError(
                f"self.{name} is assigned in the step: set weights outside of it "
                f"(cell.{name} = array), and give a value of the step a local name"
            )
        if name not in self._weights:
            raise AttributeError(
                f"{_no_such_weight(self, name, self._weights)} (hyperparameters are attributes of "
                f"the class, and are set when a cell is created)"
            )
        array = np.array(value, dtype=np.float64)
        if array.shape != self._weights[name].shape:
            raise ShapeError(
                f"{name} of this {type(self).__name__} has the shape {self._weights[name].shape}, "
                f"not {array.shape}"
            )
        self._weights[name] = array

    def __repr__(self) -> str:
        sizes = self._sizes | self._own_sizes
        numbers = {**{k: v for k, v in sizes.items() if k != "1"}, **self._own}
        return f"{type(self).__name__}({', '.join(shown(k, v) for k, v in numbers.items())})"

    def _width(self, state: str) -> int:
        return self._known_sizes()[equation(self).states[state][0]]

    def _known_sizes(self) -> dict[str, int]:
        sizes: dict[str, int] = self.__dict__["_sizes"]
        return sizes

    def _start(self, xs: Array) -> tuple[Array, ...]:
        if not self._sizes:
            raise ShapeError(_no_sizes(self))
        start = equation(self).initial_state
        return tuple(
            np.full((self._width(state), *xs.shape[2:]), start.get(state, 0.0), xs.dtype)
            for state in self.states
        )


Cell.reserved_names = frozenset(name for name in vars(Cell) if not name.startswith("_"))


def equation(cell: Any) -> Equation:
    """The equation of a cell.

    Args:
        cell: A cell's class, an instance (with its own hyperparameters), or an `Equation`, which is
            returned unchanged.

    Returns:
        The `Equation`: `.text` and `.latex` print it, `.backward` is its derivative.

    Raises:
        CellError: The step cannot become an equation; the message shows the line and what to write
            instead.
    """
    if isinstance(cell, Equation):
        return cell
    cell_type = cell if isinstance(cell, type) else type(cell)
    if not issubclass(cell_type, Cell):
        raise CellError(
            f"{cell!r} is not a cell: pass a subclass of unrolled.Cell with a step, such as "
            f"unrolled.cells.LSTM (unrolled.LSTM is the layer)"
        )
    if cell_type.step is Cell.step:
        raise CellError(f"{cell_type.__name__} has no step: write def step(self, x, h): return ...")
    if "_written" in vars(cell_type):  # by `modify`, and not traced
        written: Equation = vars(cell_type)["_written"]
        return written
    if "_equation" in vars(cell):
        known_already: Equation = cell.__dict__["_equation"]
        return known_already
    own = {} if isinstance(cell, type) else cell.__dict__["_own"]
    chosen = hyperparameters_of(cell_type) | own
    chosen |= _computed(cell_type, chosen)
    key = tuple((name, _identity(value)) for name, value in chosen.items())
    known = _traced.setdefault(cell_type, {})
    if key not in known:
        traced = trace(cell_type, chosen)
        _check_declarations(cell_type, traced)
        known[key] = traced
    return known[key]


def hyperparameters_of(cell_type: type[Cell]) -> dict[str, Any]:
    """The public attributes of a cell's class, except methods and declarations."""
    found: dict[str, Any] = {}
    for base in reversed(cell_type.__mro__):
        if issubclass(base, Cell) and base is not Cell:
            for name, value in vars(base).items():
                is_code = callable(value) or isinstance(
                    value, property | staticmethod | classmethod
                )
                if not name.startswith("_") and name not in Cell.reserved_names and not is_code:
                    found[name] = value
    return found


def with_hyperparameters(cell: type[Cell] | Cell, chosen: Mapping[str, Any]) -> Cell:
    """A cell without weights with these hyperparameters (or sizes) in addition to its own."""
    if isinstance(cell, type):
        return cell(**chosen)
    return type(cell)(**{**cell._own_sizes, **cell._own, **chosen})


def shown(name: str, value: Any) -> str:
    """A hyperparameter for a repr: `leak=0.1`; for an array, its shape."""
    if isinstance(value, np.ndarray):
        return f"{name}=<{' x '.join(map(str, value.shape))} array>"
    return f"{name}={value!r}"


def _computed(cell_type: type[Cell], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What a cell's `constants` computes from its hyperparameters."""
    if cell_type.constants is Cell.constants:
        return {}
    numbers = object.__new__(cell_type)
    numbers.__dict__.update(chosen, _own={}, _weights={}, _sizes={})
    found = numbers.constants()
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise CellError(
            f"constants of {cell_type.__name__} returns {type(found).__name__}, but must return a "
            f'dictionary of arrays and numbers by name, {{"A": ...}}'
        )
    return dict(found)


def _identity(value: Any) -> Any:
    """A key that identifies the value of a hyperparameter; a repr omits parts of arrays."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return repr(value)


def _as_column(array: Array, like: Any) -> Any:
    """A constant as a step sees it: the same kind of array and dtype as the weights."""
    array = array[:, None] if array.ndim == 1 else array
    if hasattr(like, "new_tensor"):
        return like.new_tensor(array.tolist())
    return array.astype(getattr(like, "dtype", array.dtype))


def _on_columns(step: Callable[..., Any]) -> Callable[..., Any]:
    """Let a step be called with one-dimensional arrays: inside, they are columns."""

    @functools.wraps(step)
    def on_columns(self: Cell, x: Any, *states: Any, **named: Any) -> Any:
        if self.__dict__.get("_bound") or hasattr(x, "apply_operation"):
            return step(self, x, *states, **named)
        if not self._sizes:
            raise ShapeError(_no_sizes(self))
        x, states = np.asarray(x), tuple(np.asarray(state) for state in states)
        _check_shapes(self, x, states)
        one_step = {n: v if np.ndim(v) == 0 else np.asarray(v)[None] for n, v in named.items()}
        beside = columns(equation(self), one_step, self._sizes, x[None])
        dtype = np.result_type(x, *states)
        if not np.issubdtype(dtype, np.floating):
            dtype = np.dtype(np.float64)
        bound = self.bind({name: _column(w, dtype) for name, w in self._weights.items()})
        given = [_column(array, dtype) for array in (x, *states)]
        returned = step(bound, *given, **{n: _column(a[0], dtype) for n, a in beside.items()})
        batch = given[0].shape[1]
        results = [
            # a copy: the caller may change it, and a new state may be an old one as it was given
            np.array(np.broadcast_to(new, (self._width(state), batch)), dtype).reshape(
                self._width(state), *x.shape[1:]
            )
            for state, new in zip(equation(self).states, _tuple(returned), strict=True)
        ]
        return tuple(results) if isinstance(returned, tuple) else results[0]

    return on_columns


def _column(array: Array, dtype: Any) -> Array:
    array = array.astype(dtype, copy=False)
    return array[:, None] if array.ndim == 1 else array


def _check_shapes(cell: Cell, x: Array, states: tuple[Array, ...]) -> None:
    if len(states) != len(cell.states):
        raise ShapeError(
            f"a step of {type(cell).__name__} takes the input and {len(cell.states)} states "
            f"({', '.join(cell.states)}), not {len(states)}"
        )
    batch = x.shape[1:]
    wanted = [("x", cell._sizes["input_size"], x)]
    wanted += [(n, cell._width(n), s) for n, s in zip(cell.states, states, strict=True)]
    for name, units, array in wanted:
        if array.ndim not in (1, 2) or array.shape != (units, *batch):
            form = f"({units},)" if not batch else f"({units}, {batch[0]})"
            raise ShapeError(
                f"{name} of this {type(cell).__name__} has the shape {form} "
                f"(units, or units x batch), not {array.shape}"
            )


def _check_declarations(cell_type: type[Cell], traced: Equation) -> None:
    """Refuse declared names that the step does not use."""
    places: dict[str, Mapping[str, Any]] = {
        "sizes": {**traced.states, **traced.named_inputs, **traced.weights, **traced.constants},
        "initial": traced.weights,
        "scalars": traced.weights,
        "initial_state": traced.carried,
        "fixed": traced.weights,
    }
    for declaration, names in places.items():
        for name in getattr(cell_type, declaration):
            if name not in names:
                raise CellError(
                    f"{cell_type.__name__}: {declaration} names {name!r}, which its step does not "
                    f"use{_nearest(name, names)}"
                )
    for name, rule in traced.initial.items():
        check_rule(cell_type.__name__, name, rule, traced.weights)


def _refuse_unknown(
    cell: Cell, derived: Equation, asked: Mapping[str, Any], known: Mapping[str, Any]
) -> None:
    possible = {"input_size", "hidden_size", *derived.sizes, *known}
    for name in asked:
        if name not in possible:
            raise CellError(
                f"{type(cell).__name__} has no hyperparameter {name!r}"
                f"{_nearest(name, possible)}; it has: {', '.join(sorted(possible))}"
            )


def _no_such_weight(cell: Cell, name: str, weights: Mapping[str, Any]) -> str:
    if not weights:
        return f"this {type(cell).__name__} has no weight {name!r}: {_no_sizes(cell)}"
    return (
        f"{type(cell).__name__} has no weight {name!r}{_nearest(name, weights)}; "
        f"it has: {', '.join(weights)}"
    )


def _no_sizes(cell: Cell) -> str:
    name = type(cell).__name__
    return f"it was made without sizes; make it as {name}(input_size=3, hidden_size=4, seed=0)"


def _nearest(name: str, among: Any) -> str:
    known = {str(other).lower(): other for other in among}
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f" (did you mean {known[near[0]]!r}?)" if near else ""


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
