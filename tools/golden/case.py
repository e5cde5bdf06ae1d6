"""One operation with its settings, run on drawn inputs and written down."""
import dataclasses
import json
import struct
from typing import Callable

import torch
import torch_geometric

KINDS = {torch.float32: "F32", torch.int64: "I64", torch.uint8: "U8", torch.bool: "BOOL"}


@dataclasses.dataclass
class Case:
    """`make` gives the module and `inputs` its inputs by name, both for a size; `run` calls it and gives the
    outputs by name, or one output."""

    op: str
    settings: dict
    make: Callable
    inputs: Callable
    run: Callable
    sizes: tuple = (0, 1, 2)


class Draw:
    """Random inputs of one size: a small graph, a larger one, one with few edges."""

    def __init__(self, size, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.nodes, self.edges = [(11, 34), (40, 160), (7, 5)][size]

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator)

    def uniform(self, *shape, low=0.0, high=1.0):
        return low + (high - low) * torch.rand(*shape, generator=self.generator)

    def integers(self, count, below):
        return torch.randint(below, (count,), generator=self.generator)

    def edge_index(self, sources=None, targets=None, by_target=False):
        """Edges with a repeated one and, within one type, self-loops; the last target has none."""
        sources, targets = sources or self.nodes, targets or self.nodes
        source = self.integers(self.edges, sources)
        target = self.integers(self.edges, targets - 1)
        source[1], target[1] = source[0], target[0]
        if sources == targets:
            for edge in (2, 3):
                source[edge] = target[edge]
        if by_target:
            target, order = torch.sort(target, stable=True)
            source = source[order]
        return torch.stack([source, target])


def randomized(module, seed):
    """Every parameter and running statistic drawn, so that none hides behind its beginning."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator))
            if name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    module.eval()
    return module


def write(case, folder, number):
    """Writes the case for each size; how many files."""
    for size in case.sizes:
        seed = 1000 * number + size
        module = randomized(case.make(), seed)
        inputs = case.inputs(Draw(size, seed + 1))
        floats = {k: v for k, v in inputs.items() if v.dtype == torch.float32}
        for tensor in floats.values():
            tensor.requires_grad_()
        outputs = case.run(module, inputs)
        outputs = outputs if isinstance(outputs, dict) else {"y": outputs}
        generator = torch.Generator().manual_seed(seed + 2)
        learning = {k: v for k, v in outputs.items() if v.dtype == torch.float32}
        cotangents = {k: torch.randn(v.shape, generator=generator) for k, v in learning.items()}
        total = sum((v * cotangents[k]).sum() for k, v in learning.items())
        if total.requires_grad:
            total.backward()
        tensors = {f"in.{k}": v for k, v in inputs.items()}
        tensors |= {f"param.{k}": v for k, v in module.state_dict().items()}
        tensors |= {f"out.{k}": v for k, v in outputs.items()}
        tensors |= {f"cotangent.{k}": v for k, v in cotangents.items()}
        named = [(f"in.{k}", v) for k, v in floats.items()]
        named += [(f"param.{k}", v) for k, v in module.named_parameters()]
        tensors |= {f"grad.{k}": v.grad for k, v in named if v.grad is not None}
        save(folder / f"{case.op}_{number:03}_{size}.safetensors", tensors, case)
    return len(case.sizes)


def save(path, tensors, case):
    header = {
        "__metadata__": {
            "op": case.op,
            "settings": json.dumps(case.settings, default=repr),
            "torch": torch.__version__,
            "torch_geometric": torch_geometric.__version__,
        }
    }
    body = b""
    for name, tensor in sorted(tensors.items()):
        data = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {
            "dtype": KINDS[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
