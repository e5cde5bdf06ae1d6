"""Layers over points and pairs of nodes, and those that see a whole graph."""
import copy

import torch
from torch.nn import ELU, Linear, ReLU, Sequential, Tanh
from torch_geometric import nn

from golden.case import Case
from golden.convolutions import conv, network


def point(op, *args, features=True, bipartite=None, **kwargs):
    """A layer of features and positions."""

    def inputs(draw):
        sources = draw.nodes + (bipartite or 0)
        tensors = {"edge_index": draw.edge_index(sources, draw.nodes)}
        if bipartite:
            tensors |= {"pos_src": draw.normal(sources, 3), "pos_dst": draw.normal(draw.nodes, 3),
                        "x_src": draw.normal(sources, 5), "x_dst": draw.normal(draw.nodes, 6)}
        else:
            tensors["pos"] = draw.normal(draw.nodes, 3)
            if features:
                tensors["x"] = draw.normal(draw.nodes, 5)
        return tensors

    def run(module, t):
        if bipartite:
            return module((t["x_src"], t["x_dst"]), (t["pos_src"], t["pos_dst"]), t["edge_index"])
        return module(t.get("x"), t["pos"], t["edge_index"])

    return Case(op, {"args": list(args), "kwargs": kwargs},
                lambda: getattr(nn, op)(*copy.deepcopy(args), **copy.deepcopy(kwargs)), inputs, run)


def gps(width, local, batch=True, edges=None, sizes=(0, 1, 2), **kwargs):
    def inputs(draw):
        tensors = {"x": draw.normal(draw.nodes, width), "edge_index": draw.edge_index()}
        if edges:
            tensors["edge_attr"] = draw.normal(draw.edges, edges)
        if batch:
            tensors["batch"] = torch.sort(draw.integers(draw.nodes, 3)).values
            tensors["batch"][0] = 0
        return tensors

    def run(module, t):
        named = {"edge_attr": t["edge_attr"]} if edges else {}
        return module(t["x"], t["edge_index"], t.get("batch"), **named)

    return Case("GPSConv", {"args": [width, local], "kwargs": kwargs},
                lambda: nn.GPSConv(width, copy.deepcopy(local), **kwargs), inputs, run, sizes)


def cases():
    for aggr in ["max", "mean", "add"]:
        yield conv("EdgeConv", network(10, 8, 4), aggr=aggr)
    yield conv("EdgeConv", Linear(10, 4))
    yield conv("EdgeConv", Sequential(Tanh(), Linear(10, 4)))
    every = ["identity", "amplification", "attenuation", "linear", "inverse_linear"]
    degrees = torch.tensor([1, 3, 4, 2])
    for towers, divided in [(1, False), (5, False), (5, True)]:
        for before, after in [(1, 1), (2, 3)]:
            yield conv("PNAConv", 5, 10, ["mean", "min", "max", "sum"], every[:3], degrees,
                       towers=towers, divide_input=divided, pre_layers=before, post_layers=after)
            yield conv("PNAConv", 5, 10, ["sum", "mean"], every, degrees, 3, towers, sizes=(0, 2),
                       divide_input=divided, pre_layers=before, post_layers=after, edges=3)
    yield conv("PNAConv", 5, 10, ["var"], every, degrees)
    # A difference of squares, as the reference has it, says little of what is nearly the same.
    yield conv("PNAConv", 5, 4, ["mean", "std"], every[:3], degrees, sizes=(0, 2))
    yield conv("PNAConv", 5, 4, ["mean", "max"], ["linear", "attenuation"], degrees,
               train_norm=True)
    yield conv("PNAConv", 5, 4, ["sum", "mul"], ["inverse_linear"], degrees, pre_layers=2,
               act="leaky_relu", act_kwargs={"negative_slope": 0.2})
    yield point("PointNetConv", network(8, 8, 6), network(6, 4))
    yield point("PointNetConv", Linear(8, 6), add_self_loops=False)
    yield point("PointNetConv", aggr="mean")
    yield point("PointNetConv", Linear(3, 6), Linear(6, 2), features=False)
    for bipartite in [3, -3]:
        yield point("PointNetConv", Linear(8, 6), Linear(6, 2), bipartite=bipartite)
        yield point("PointTransformerConv", (5, 6), 4, bipartite=bipartite)
    yield point("PointTransformerConv", 5, 4, add_self_loops=False)
    yield point("PointTransformerConv", 5, 4, network(3, 6, 4), network(4, 4, act=ELU))
    for norm in ["batch_norm", "layer_norm", "graph_norm", "pair_norm", None]:
        yield gps(6, nn.GINConv(network(6, 6)), norm=norm, heads=2)
    # Of few nodes it makes large numbers of small differences.
    yield gps(6, nn.GINConv(network(6, 6)), norm="instance_norm", heads=2, sizes=(1,))
    yield gps(6, nn.SAGEConv(6, 6), batch=False)
    yield gps(6, nn.GINEConv(network(6, 6)), edges=6)
    yield gps(6, nn.GCNConv(6, 6), batch=False, heads=3, act="elu", act_kwargs={"alpha": 0.5})
    yield gps(6, None, heads=2, attn_kwargs={"bias": False})
    yield gps(6, nn.GraphConv(6, 6), norm="layer_norm", norm_kwargs={"mode": "node"})
    for options in [{}, {"qkv_bias": True}, {"attn_out_bias": False}]:
        yield gps(6, nn.GINConv(Linear(6, 6)), heads=2, attn_type="performer",
                  attn_kwargs={"head_channels": 8, **options})
    yield gps(6, nn.GINConv(Linear(6, 6)), heads=2, attn_type="performer")
