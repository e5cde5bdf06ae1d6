"""Layers that take something else than features and edges of one graph, among them those that look for neighbors.

PyTorch Geometric has the search for neighbors and the basis of splines in a library of their own, pyg-lib; here they
are written down from their definitions.
"""
import copy

import torch
import torch_geometric
from torch_geometric import nn

from golden.case import Case
from golden.convolutions import conv, network


def knn(x, y, ptr_x=None, ptr_y=None, k=1, cosine=False, workers=1):
    """For each row of y the k nearest of x in its graph: [2, pairs], rows of y first."""
    pairs = []
    graphs = 1 if ptr_x is None else len(ptr_x) - 1
    for graph in range(graphs):
        rows_x = range(*(ptr_x[graph:graph + 2].tolist() if ptr_x is not None else (0, len(x))))
        rows_y = range(*(ptr_y[graph:graph + 2].tolist() if ptr_y is not None else (0, len(y))))
        for i in rows_y:
            near = sorted(rows_x, key=lambda j: float(((x[j] - y[i]) ** 2).sum()))[:k]
            pairs += [(i, j) for j in near]
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t()


def spline_basis(pseudo, kernel_size, is_open, degree):
    functions = {
        1: [lambda v: 1 - v, lambda v: v],
        2: [lambda v: v * v / 2 - v + 0.5, lambda v: -v * v + v + 0.5, lambda v: v * v / 2],
        3: [lambda v: (1 - v) ** 3 / 6, lambda v: (3 * v**3 - 6 * v**2 + 4) / 6,
            lambda v: (-3 * v**3 + 3 * v**2 + 3 * v + 1) / 6, lambda v: v**3 / 6],
    }[degree]
    values, kernels = [], []
    for s in range((degree + 1) ** pseudo.size(1)):
        value, kernel, step, rest = 1, 0, 1, s
        for d in range(pseudo.size(1)):
            size, place = int(kernel_size[d]), rest % (degree + 1)
            rest //= degree + 1
            v = pseudo[:, d] * (size - degree * int(is_open[d]))
            kernel = kernel + (v.detach().floor().long() + place) % size * step
            value = value * functions[place](v - v.detach().floor())
            step *= size
        values.append(value)
        kernels.append(kernel)
    return torch.stack(values, 1), torch.stack(kernels, 1)


def spline_weighting(x, weight, basis, index):
    return torch.einsum("es,ei,esio->eo", basis, x, weight[index])


def install():
    library = torch.library.Library("pyg", "FRAGMENT")
    library.define("knn(Tensor x, Tensor y, Tensor? ptr_x, Tensor? ptr_y, int k, bool cosine, "
                   "int num_workers) -> Tensor")
    library.impl("knn", lambda *a: knn(*[t.detach() if torch.is_tensor(t) else t for t in a]),
                 "CompositeImplicitAutograd")
    torch_geometric.typing.WITH_KNN = True
    module = __import__("torch_geometric.nn.conv.spline_conv", fromlist=["x"])
    module.spline_basis, module.spline_weighting = spline_basis, spline_weighting
    return library


LIBRARY = install()


def batched(op, *args, pos=0, graphs=False, sizes=(0, 1), width=5, **kwargs):
    """A layer that looks for neighbors among its points."""

    def inputs(draw):
        tensors = {"x": draw.normal(draw.nodes, width)}
        if pos:
            tensors["pos"] = draw.normal(draw.nodes, pos)
        if graphs:
            tensors["batch"] = (torch.arange(draw.nodes) * 2) // draw.nodes
        return tensors

    def run(module, tensors):
        places = [tensors["pos"]] if pos else []
        return module(tensors["x"], *places, batch=tensors.get("batch"))

    return Case(op, {"args": list(args), "kwargs": kwargs},
                lambda: getattr(nn, op)(*copy.deepcopy(args), **kwargs), inputs, run, sizes)


def signed(**kwargs):
    def inputs(draw):
        return {"x": draw.normal(draw.nodes, 5 if kwargs["first_aggr"] else 10),
                "pos_edge_index": draw.edge_index(), "neg_edge_index": draw.edge_index()}

    def run(module, tensors):
        return module(tensors["x"], tensors["pos_edge_index"], tensors["neg_edge_index"])

    return Case("SignedConv", {"args": [5, 4], "kwargs": kwargs},
                lambda: nn.SignedConv(5, 4, **kwargs), inputs, run)


def dna(weights=False, **kwargs):
    def inputs(draw):
        tensors = {"x": draw.normal(draw.nodes, 3, 8), "edge_index": draw.edge_index()}
        if weights:
            tensors["edge_weight"] = draw.uniform(draw.edges, low=0.2)
        return tensors

    def run(module, tensors):
        return module(tensors["x"], tensors["edge_index"], tensors.get("edge_weight"))

    return Case("DNAConv", {"args": [8], "kwargs": kwargs}, lambda: nn.DNAConv(8, **kwargs),
                inputs, run)


def cases():
    for graphs in [False, True]:
        yield batched("DynamicEdgeConv", network(10, 8, 4), 3, graphs=graphs)
        yield batched("DynamicEdgeConv", network(10, 4), k=4, aggr="mean", graphs=graphs)
        yield batched("GravNetConv", 5, 4, 2, 6, k=3, graphs=graphs)
        yield batched("XConv", 5, 9, dim=3, kernel_size=3, hidden_channels=4, pos=3, graphs=graphs)
    yield batched("XConv", 5, 4, 2, 3, 2, dilation=2, bias=False, pos=2)
    for first in [True, False]:
        yield signed(first_aggr=first)
        yield signed(first_aggr=first, bias=False, aggr="max")
    for weights in [False, True]:
        yield dna(weights)
        yield dna(weights, heads=4, groups=2, add_self_loops=False)
        yield dna(weights, heads=2, groups=8, bias=False)
        yield conv("WLConvContinuous", weights=weights)
    yield dna(True, normalize=False)
    yield conv("PDNConv", 5, 4, 3, 8, edges=3)
    yield conv("PDNConv", 5, 4, 3, 8, edges=3, add_self_loops=False, bias=False)
    yield conv("PDNConv", 5, 7, 3, 8, edges=3, normalize=False)
    for degree in [1, 2, 3]:
        yield conv("SplineConv", 5, 4, 2, 4, degree=degree, edges=2, unit=True)
        yield conv("SplineConv", 5, 4, 2, [4, 5], [True, False], degree, edges=2, unit=True)
    yield conv("SplineConv", (5, 6), 4, 3, 2, aggr="max", bias=False, edges=3, bipartite=3,
               unit=True)
    yield conv("SplineConv", 5, 4, 1, 5, root_weight=False, edges=1, unit=True)
