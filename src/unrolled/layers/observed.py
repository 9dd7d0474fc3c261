"""Whether a call is traced, compiled or transformed rather than only run. In: the state of torch.
Out: answers; next: the layers, which then pass the batch to the operators of `opaque`.

Other calls go to the kernels directly; the test costs them some tenths of a microsecond.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch._C._dynamo.eval_frame as eval_frame
from torch import Tensor, nn
from torch.fx import Proxy
from torch.nn.utils.rnn import PackedSequence

_C = torch._C


_PLAIN = (Tensor, nn.Parameter, type(None))


def is_observed(*given: Any) -> bool:
    """Whether tensors are more than their values: a compiler, a tracer, a transformation
    of `torch.func`, a mode or a class that sees every operation. `given`: a layer's input, a
    parameter, states."""
    return bool(
        torch.compiler.is_compiling()
        or _C._len_torch_dispatch_stack()
        or _C._are_functorch_transforms_active()
        or _C._get_tracing_state() is not None
        or any(map(_sees_operations, given))
    )


def _sees_operations(given: Any) -> bool:
    """Whether a tensor is of a class that is asked about every operation, as a FakeTensor is; or
    one of several is."""
    if type(given) in _PLAIN:
        return False
    if isinstance(given, Tensor):
        return type(given).__torch_dispatch__ is not _C._disabled_torch_dispatch_impl
    if isinstance(given, tuple | list):
        return any(map(_sees_operations, given))
    return False


def is_foreign(x: Any) -> bool:
    """Whether the input is of a class that is to be asked what a call gives: `torch.fx` traces
    with one, and there are subclasses of Tensor that stay what they are."""
    return type(x) not in _PLAIN and torch.overrides.has_torch_function_unary(x)


def answer_of(x: Any, layer: nn.Module, *rest: Any, **more: Any) -> Any:
    """What its class gives. `torch.fx` takes the layer as a whole, as it does torch.nn's."""
    given = [one for one in rest if one is not None]
    named = {name: value for name, value in more.items() if value is not None and value != ()}
    if isinstance(x, Proxy):
        tracer: Any = x.tracer
        name = tracer.path_of_module(layer)
        return tracer.create_proxy("call_module", name, (x, *given), named)
    return torch.overrides.handle_torch_function(layer.forward, (x,), x, *given, **named)


def is_left_out(layer: nn.Module, x: Any) -> bool:
    """Whether `torch.compile` is to take the call as it is: it looks into no instance of torch.nn's
    layers and would compile, one by one, the functions that such a layer calls; and it cannot know
    how many sequences a PackedSequence holds."""
    if torch.compiler.is_compiling():
        # a compiler that looks into no such layer stops here, and asks again while it does not look
        return layer.training is None or isinstance(x, PackedSequence)
    return eval_frame.get_eval_frame_callback() is not None


def is_autocast() -> bool:
    """Whether `torch.autocast` asks for half precision on the CPU."""
    return torch.is_autocast_enabled("cpu")


def cast(forward: Callable[..., Any], x: Any, states: Any, like: Tensor, always: bool) -> Any:
    """A layer's call as `torch.autocast` wants it: computed in the layer's own precision, and given
    back in that of the input, or `always` in half precision."""
    half = torch.get_autocast_dtype("cpu")
    data = x.data if isinstance(x, PackedSequence) else x
    with torch.autocast("cpu", enabled=False):
        given = [None if states is None else _to(states, like.dtype)]
        result = forward(_to(x, like.dtype), *given)
    is_half = data.dtype == half or (always and data.dtype != torch.float64)
    return _to(result, half) if is_half else result


def _to(value: Any, dtype: torch.dtype) -> Any:
    """The same, with tensors of this dtype."""
    if isinstance(value, PackedSequence):
        return value._replace(data=value.data.to(dtype))
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {name: _to(one, dtype) for name, one in value.items()}
    return tuple([_to(one, dtype) for one in value])


F = TypeVar("F", bound=Callable[..., Any])


def compile_time(function: F) -> F:
    """A compiler calls this once, and treats the result as a constant.

    This is what `torch.compiler.assume_constant_result` does, without the seconds it takes to
    import the compiler, which most programs never use.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


_as_it_is: dict[str, Callable[..., Any]] = {}


def left_out(name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
    """The same, run as it is."""
    _prepare(name, forward)
    return _as_it_is[name]


@compile_time
def _prepare(name: str, forward: Callable[..., Any]) -> bool:
    if name not in _as_it_is:
        disable: Callable[..., Any] = torch.compiler.disable
        _as_it_is[name] = disable(forward)
    return True
