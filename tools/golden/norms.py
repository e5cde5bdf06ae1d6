"""What brings the rows of a matrix to one scale."""
import torch
from torch_geometric.nn import norm

from golden.case import Case


def normalization(op, *args, batch=False, types=None, **kwargs):
    """A normalization with these arguments, of the nodes of several graphs where `batch`, or of types."""

    def inputs(draw):
        tensors = {"x": draw.normal(draw.nodes, 5)}
        if batch:
            tensors["batch"] = torch.sort(draw.integers(draw.nodes, 3)).values
        if types:
            tensors["type_vec"] = draw.integers(draw.nodes, types)
        if op == "MessageNorm":
            tensors["msg"] = draw.normal(draw.nodes, 5)
        return tensors

    def run(module, tensors):
        if op == "MessageNorm":
            return module(tensors["x"], tensors["msg"])
        if types:
            return module(tensors["x"], tensors["type_vec"])
        return module(tensors["x"], batch=tensors["batch"]) if batch else module(tensors["x"])

    return Case(op, {"args": list(args), "kwargs": kwargs},
                lambda: getattr(norm, op)(*args, **kwargs), inputs, run)


def cases():
    yield normalization("BatchNorm", 5)
    yield normalization("BatchNorm", 5, 1e-2, affine=False)
    yield normalization("BatchNorm", 5, track_running_stats=False)
    yield normalization("BatchNorm", 5, momentum=None, allow_single_element=True)
    for batch in [False, True]:
        for mode in ["graph", "node"]:
            yield normalization("LayerNorm", 5, mode=mode, batch=batch)
            yield normalization("LayerNorm", 5, 0.1, affine=False, mode=mode, batch=batch)
        yield normalization("InstanceNorm", 5, batch=batch)
        yield normalization("InstanceNorm", 5, 0.1, affine=True, batch=batch)
        yield normalization("InstanceNorm", 5, track_running_stats=True, batch=batch)
        yield normalization("GraphNorm", 5, batch=batch)
        yield normalization("GraphNorm", 5, eps=0.1, batch=batch)
        yield normalization("GraphSizeNorm", batch=batch)
        yield normalization("MeanSubtractionNorm", batch=batch)
        yield normalization("PairNorm", batch=batch)
        yield normalization("PairNorm", 2.5, True, 0.1, batch=batch)
    yield normalization("DiffGroupNorm", 5, 3)
    yield normalization("DiffGroupNorm", 5, 4, 0.5, 1e-2, affine=False)
    yield normalization("DiffGroupNorm", 5, groups=2, track_running_stats=False)
    yield normalization("MessageNorm")
    yield normalization("MessageNorm", True)
    for options in [{}, {"affine": False}, {"track_running_stats": False}, {"eps": 0.1}]:
        yield normalization("HeteroBatchNorm", 5, 3, types=3, **options)
    yield normalization("HeteroLayerNorm", 5, 3, types=3)
    yield normalization("HeteroLayerNorm", 5, 3, 0.1, False, types=3)
