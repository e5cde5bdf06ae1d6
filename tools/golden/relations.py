"""Layers over several relations, and models of knowledge graphs."""
import json

import torch
from torch_geometric import nn
from torch_geometric.nn import kge

from golden.case import Case
from golden.convolutions import conv

RELATIONS = [("user", "follows", "user"), ("user", "rates", "item"), ("item", "rated_by", "user")]


def typed_cases():
    forms = [{}, {"num_bases": 2}, {"num_blocks": 5}]
    for op in ["RGCNConv", "FastRGCNConv"]:
        for form in forms:
            for aggr in ["mean", "add"]:
                yield conv(op, 5, 10, 3, aggr=aggr, types=3, **form)
            yield conv(op, 5, 10, 4, root_weight=False, bias=False, types=3, **form)
    yield conv("RGCNConv", 5, 4, 3, aggr="max", types=3)
    yield conv("RGCNConv", 5, 4, 1, is_sorted=True, types=1)
    yield conv("RGCNConv", (5, 6), 4, 3, bipartite=3, types=3)
    for form in forms:
        for mod in [None, "additive", "scaled", "f-additive", "f-scaled"]:
            yield conv("RGATConv", 5, 5, 3, mod=mod, types=3, **form)
            yield conv("RGATConv", 5, 5, 3, mod=mod, heads=2, dim=2, types=3, concat=False,
                       attention_mode="multiplicative-self-attention", **form)
        yield conv("RGATConv", 5, 5, 3, heads=2, types=3, edges=3, edge_dim=3, **form)
    for mechanism in ["within-relation", "across-relation"]:
        yield conv("RGATConv", 5, 4, 3, attention_mechanism=mechanism, heads=3, concat=False,
                   negative_slope=0.1, bias=False, types=3)
        yield conv("RGATConv", 5, 4, 3, attention_mechanism=mechanism, dim=3, types=3, edges=3,
                   edge_dim=3, attention_mode="multiplicative-self-attention")


def hetero(op, make, settings, widths=(6, 6), empty=None):
    """A layer over users and items; `empty` is a relation without edges."""

    def inputs(draw):
        counts = {"user": draw.nodes, "item": draw.nodes - 2}
        tensors = {f"x.{name}": draw.normal(counts[name], width)
                   for name, width in zip(counts, widths)}
        for relation in RELATIONS:
            source, name, target = relation
            edges = torch.stack([draw.integers(draw.edges, counts[source]),
                                 draw.integers(draw.edges, counts[target] - 1)])
            edges = edges[:, :0] if relation == empty else edges
            tensors["edge_index." + "__".join(relation)] = edges
        return tensors

    def run(module, tensors):
        x = {k[2:]: v for k, v in tensors.items() if k.startswith("x.")}
        edges = {r: tensors["edge_index." + "__".join(r)] for r in RELATIONS}
        return {k: v for k, v in module(x, edges).items() if v is not None}

    return Case(op, settings, make, inputs, run)


def hetero_cases():
    metadata = (["user", "item"], RELATIONS)
    for empty in [None, RELATIONS[0], RELATIONS[1]]:
        for out, heads in [(8, 2), (6, 3), (4, 1)]:
            settings = {"in": 6, "out": out, "heads": heads}
            yield hetero("HGTConv", lambda: nn.HGTConv(6, out, metadata, heads), settings,
                         empty=empty)
            yield hetero("HANConv", lambda: nn.HANConv(6, out, metadata, heads), settings,
                         empty=empty)
    yield hetero("HGTConv", lambda: nn.HGTConv({"user": 6, "item": 3}, 6, metadata, 2),
                 {"in": {"user": 6, "item": 3}, "out": 6, "heads": 2}, widths=(6, 3))
    yield hetero("HANConv", lambda: nn.HANConv({"user": 6, "item": 3}, 6, metadata, 2, 0.1),
                 {"in": {"user": 6, "item": 3}, "out": 6, "heads": 2, "negative_slope": 0.1},
                 widths=(6, 3))

    def layers():
        return dict(zip(RELATIONS, [
            nn.SAGEConv((6, 6), 5), nn.GATConv((6, 6), 5, add_self_loops=False),
            nn.SAGEConv((6, 6), 5)]))

    for aggr in ["sum", "mean", "min", "max", "cat", None]:
        yield hetero("HeteroConv", lambda: nn.HeteroConv(layers(), aggr=aggr),
                     {"aggr": aggr, "layers": ["SAGEConv", "GATConv", "SAGEConv"]})
    for empty in RELATIONS:
        yield hetero("HeteroConv", lambda: nn.HeteroConv(layers()),
                     {"aggr": "sum", "layers": ["SAGEConv", "GATConv", "SAGEConv"]}, empty=empty)


def knowledge(op, width, **kwargs):
    def inputs(draw):
        return {"head": draw.integers(draw.edges, draw.nodes), "rel": draw.integers(draw.edges, 4),
                "tail": draw.integers(draw.edges, draw.nodes)}

    settings = {"num_nodes": 40, "num_relations": 4, "hidden": width, **kwargs}
    return Case(op, settings, lambda: getattr(kge, op)(40, 4, width, **kwargs), inputs,
                lambda module, t: module(t["head"], t["rel"], t["tail"]))


def cases():
    yield from typed_cases()
    yield from hetero_cases()
    for width in [6, 16]:
        for p_norm in [1.0, 2.0, 3.0]:
            yield knowledge("TransE", width, p_norm=p_norm, margin=0.5)
        for op in ["TransE", "DistMult", "ComplEx", "RotatE"]:
            yield knowledge(op, width)
        yield knowledge("DistMult", width, margin=2.0)
        yield knowledge("RotatE", width, margin=2.0)
