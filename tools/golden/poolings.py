"""What makes smaller graphs of graphs."""
import torch
from torch_geometric import nn

from golden.case import Case


def selecting(op, width=5, batch=True, layer=None, edges=False, **kwargs):
    """A pooling that keeps nodes."""

    def inputs(draw):
        tensors = {"x": draw.normal(draw.nodes, width), "edge_index": draw.edge_index()}
        if batch:
            tensors["batch"] = torch.sort(draw.integers(draw.nodes, 3)).values
        if edges:
            tensors["edge_attr"] = draw.normal(draw.edges, 3)
            tensors["attn"] = draw.normal(draw.nodes, width)
        return tensors

    def run(module, t):
        x, edge_index, edge_attr, batch, perm, score = module(
            t["x"], t["edge_index"], t.get("edge_attr"), t.get("batch"), t.get("attn"))
        outputs = {"x": x, "edge_index": edge_index, "edge_attr": edge_attr, "batch": batch,
                   "perm": perm, "score": score}
        return {name: value for name, value in outputs.items() if value is not None}

    settings = {"args": [width], "kwargs": kwargs | ({"GNN": layer.__name__} if layer else {})}
    given = kwargs | ({"GNN": layer} if layer else {})
    return Case(op, settings, lambda: getattr(nn, op)(width, **given), inputs, run)


def contracting(method=None, sizes=(0, 1, 2), **kwargs):
    """A pooling that contracts edges, the best first: of equal scores rounding decides."""

    def inputs(draw):
        return {"x": draw.normal(draw.nodes, 5), "edge_index": draw.edge_index(),
                "batch": torch.sort(draw.integers(draw.nodes, 3)).values}

    def make():
        own = {"edge_score_method": getattr(nn.EdgePooling, method)} if method else {}
        return nn.EdgePooling(5, **own, **kwargs)

    def run(module, t):
        x, edge_index, batch, _ = module(t["x"], t["edge_index"], t["batch"])
        return {"x": x, "edge_index": edge_index, "batch": batch}

    named = kwargs | ({"edge_score_method": method} if method else {})
    return Case("EdgePooling", {"args": [5], "kwargs": named}, make, inputs, run, sizes)


def structural(layer=None, **kwargs):
    """A pooling that makes clusters of neighborhoods; of edges without weights, through which no gradient goes."""

    def inputs(draw):
        return {"x": draw.normal(draw.nodes, 5), "edge_index": draw.edge_index(),
                "batch": torch.sort(draw.integers(draw.nodes, 3)).values}

    def run(module, t):
        x, edge_index, _, batch, perm = module(t["x"], t["edge_index"], batch=t["batch"])
        return {"x": x, "edge_index": edge_index, "batch": batch, "perm": perm}

    named = {"GNN": layer} if layer else {}
    printed = {name: value.__name__ for name, value in named.items()}
    return Case("ASAPooling", {"args": [5], "kwargs": kwargs | printed},
                lambda: nn.ASAPooling(5, **kwargs, **named), inputs, run)


def memory(*args, batch=True, **kwargs):
    def inputs(draw):
        tensors = {"x": draw.normal(draw.nodes, 5)}
        if batch:
            tensors["batch"] = torch.sort(draw.integers(draw.nodes, 3)).values
            tensors["batch"][0], tensors["batch"][-1] = 0, 2
        return tensors

    def run(module, t):
        x, shares = module(t["x"], t.get("batch"))
        return {"x": x, "S": shares}

    return Case("MemPooling", {"args": list(args), "kwargs": kwargs},
                lambda: nn.MemPooling(*args, **kwargs), inputs, run)


class Function(torch.nn.Module):
    """A function as a module without parameters."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def dense(op, names, masked, make=None, settings=None, **kwargs):
    """A pooling of graphs as arrays; `names` are those of its outputs."""

    def inputs(draw):
        tensors = {"x": draw.normal(2, draw.nodes, 5),
                   "adj": draw.uniform(2, draw.nodes, draw.nodes)}
        if make is None:
            tensors["s"] = draw.normal(2, draw.nodes, 3)
        if masked:
            tensors["mask"] = (draw.uniform(2, draw.nodes) > 0.3).float()
        return tensors

    def run(module, t):
        order = [t["x"], t["adj"]] + ([t["s"]] if "s" in t else [])
        mask = {"mask": t["mask"].detach() > 0} if masked else {}
        return dict(zip(names, module(*order, **mask, **kwargs)))

    def module():
        return make() if make else Function(getattr(nn, op))

    return Case(op, settings or {"args": [], "kwargs": kwargs}, module, inputs, run)


def cases():
    yield contracting(sizes=(0,))
    for method in ["compute_edge_score_tanh", "compute_edge_score_sigmoid"]:
        yield contracting(method)
        yield contracting(method, add_to_edge_score=0.1)
    yield structural()
    yield structural(nn.GraphConv, ratio=0.7)
    yield structural(ratio=2, negative_slope=0.1)
    for batch in [False, True]:
        yield memory(5, 4, 2, 3, batch=batch)
        yield memory(5, 6, heads=1, num_clusters=4, tau=2.0, batch=batch)
    for masked in [False, True]:
        for normalize in [True, False]:
            yield dense("dense_diff_pool", ["x", "adj", "link", "entropy"], masked,
                        normalize=normalize)
        for temp in [1.0, 0.5]:
            yield dense("dense_mincut_pool", ["x", "adj", "mincut", "orthogonality"], masked,
                        temp=temp)
        outputs = ["s", "x", "adj", "spectral", "orthogonality", "cluster"]
        for widths in [5, [5, 8]]:
            yield dense("DMoNPooling", outputs, masked, lambda: nn.DMoNPooling(widths, 3),
                        {"args": [widths, 3], "kwargs": {}})
    for op in ["TopKPooling", "SAGPooling"]:
        for batch in [False, True]:
            for options in [{}, {"ratio": 0.8}, {"ratio": 3}, {"min_score": 0.2}]:
                yield selecting(op, batch=batch, **options)
            yield selecting(op, batch=batch, multiplier=2.0, nonlinearity="sigmoid")
            yield selecting(op, batch=batch, edges=True)
    for layer in [nn.GCNConv, nn.SAGEConv, nn.GATConv, nn.GraphConv]:
        yield selecting("SAGPooling", layer=layer)
    yield selecting("SAGPooling", layer=nn.SAGEConv, aggr="max", min_score=0.3)
