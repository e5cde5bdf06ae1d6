"""Layers that take features, edges, and what those bring along."""
import copy

import torch
from torch.nn import ELU, Linear, ReLU, Sequential, Sigmoid, Tanh
from torch_geometric import nn

from golden.case import Case


def conv(op, *args, weights=False, edges=None, types=None, initial=None, bipartite=None, width=5,
         unit=False, by_target=False, sizes=(0, 1, 2), **kwargs):
    """A layer with these arguments, on features of `width`, or of two widths with two types of nodes; edges'
    features are normal, or uniform."""

    def inputs(draw):
        tensors = {}
        if bipartite:
            sources = draw.nodes + bipartite
            tensors["x_src"] = draw.normal(sources, args[0][0])
            tensors["x_dst"] = draw.normal(draw.nodes, args[0][1])
            tensors["edge_index"] = draw.edge_index(sources, draw.nodes, by_target)
        else:
            tensors["x"] = draw.normal(draw.nodes, width)
            tensors["edge_index"] = draw.edge_index(by_target=by_target)
        if initial:
            tensors["x0"] = draw.normal(draw.nodes, width)
        if weights:
            tensors["edge_weight"] = draw.uniform(draw.edges, low=0.2)
        if edges:
            drawn = draw.uniform if unit else draw.normal
            tensors["edge_attr"] = drawn(draw.edges, edges)
        if types:
            tensors["edge_type"] = draw.integers(draw.edges, types)
        return tensors

    def run(module, tensors):
        x = tensors["x"] if "x" in tensors else (tensors["x_src"], tensors["x_dst"])
        named = {k: tensors[k] for k in ("edge_weight", "edge_attr", "edge_type") if k in tensors}
        if "x0" in tensors:
            return module(x, tensors["x0"], tensors["edge_index"], **named)
        return module(x, tensors["edge_index"], **named)

    def make():
        return getattr(nn, op)(*copy.deepcopy(args), **copy.deepcopy(kwargs))

    return Case(op, {"args": list(args), "kwargs": kwargs}, make, inputs, run, sizes)


def network(*widths, act=ReLU):
    layers = []
    for i in range(len(widths) - 1):
        layers += ([act()] if i else []) + [Linear(widths[i], widths[i + 1])]
    return Sequential(*layers)


AGGREGATIONS = ["sum", "mean", "max", "min"]


def cases():
    reverse = {"flow": "target_to_source"}
    # SAGE
    for aggr in AGGREGATIONS:
        yield conv("SAGEConv", 5, 4, aggr=aggr)
    yield conv("SAGEConv", 5, 4, aggr="lstm", by_target=True)
    yield conv("SAGEConv", 5, 4, aggr=["mean", "max", "std"])
    yield conv("SAGEConv", 5, 4, aggr="softmax", aggr_kwargs={"learn": True})
    yield conv("SAGEConv", 5, 7, "max", True, False)
    yield conv("SAGEConv", 5, 4, project=True, normalize=True, bias=False)
    yield conv("SAGEConv", (5, 6), 4, bipartite=3, project=True, aggr="max")
    yield conv("SAGEConv", 5, 4, **reverse)
    # GraphConv, SimpleConv, GIN, MF, LE
    for aggr in AGGREGATIONS:
        yield conv("GraphConv", 5, 4, aggr=aggr, weights=True)
        yield conv("GraphConv", 5, 4, aggr=aggr)
        yield conv("SimpleConv", aggr=aggr, weights=True)
    yield conv("GraphConv", (5, 6), 4, bipartite=3, bias=False)
    yield conv("GraphConv", 5, 4, weights=True, **reverse)
    for root in ["sum", "cat", "self_loop"]:
        yield conv("SimpleConv", aggr="mean", combine_root=root)
        yield conv("SimpleConv", combine_root=root, weights=True)
    yield conv("SimpleConv", ["mean", "max"], "cat")
    for aggr in AGGREGATIONS:
        yield conv("GINConv", network(5, 8, 4), aggr=aggr, eps=0.3)
    yield conv("GINConv", Linear(5, 4), 0.5, True)
    yield conv("GINConv", network(5, 8, 8, 4, act=Tanh))
    yield conv("MFConv", 5, 4)
    yield conv("MFConv", (5, 6), 4, 2, False, bipartite=3)
    yield conv("LEConv", 5, 4)
    yield conv("LEConv", (5, 6), 4, bias=False, bipartite=3, weights=True)
    # EG
    for aggregators in [["symnorm"], ["sum", "min"], ["mean", "max", "var", "std", "symnorm"]]:
        yield conv("EGConv", 5, 8, aggregators=aggregators, num_heads=2, num_bases=3)
        yield conv("EGConv", 5, 6, aggregators, 3, 2, add_self_loops=False, bias=False)
    yield conv("EGConv", 5, 8)
    # Those that hold others
    yield conv("DirGNNConv", nn.SAGEConv(5, 4, aggr="max"))
    yield conv("DirGNNConv", nn.GCNConv(5, 4), 0.2, True)
    yield conv("DirGNNConv", nn.GATConv(5, 4), root_weight=False)
    yield conv("DirGNNConv", nn.GraphConv(5, 4))
    yield conv("AntiSymmetricConv", 5, num_iters=3, epsilon=0.2, gamma=0.3, bias=False)
    yield conv("AntiSymmetricConv", 5, nn.SAGEConv(5, 5), act="relu")
    yield conv("AntiSymmetricConv", 5, nn.GraphConv(5, 5), act=None, num_iters=2)
    # Attention
    for op in ["GATConv", "GATv2Conv"]:
        yield conv(op, 5, 4)
        yield conv(op, 5, 4, 3, False, negative_slope=0.1, residual=True)
        yield conv(op, 5, 4, heads=2, add_self_loops=False, bias=False)
        yield conv(op, (5, 6), 4, heads=2, bipartite=3, residual=True)
        yield conv(op, (5, 6), 4, heads=2, bipartite=-3)
        yield conv(op, (5, 5), 4, heads=2, edges=3, edge_dim=3, add_self_loops=False)
        for fill in ["mean", "add", "min", "max", 0.5, 2]:
            yield conv(op, 5, 4, heads=2, edges=3, edge_dim=3, fill_value=fill)
        yield conv(op, 5, 4, heads=2, **reverse)
    yield conv("GATv2Conv", 5, 4, heads=2, share_weights=True)
    yield conv("GATv2Conv", 5, 4, heads=2, share_weights=True, bias=False, edges=1, edge_dim=1)
    for kind in ["MX", "SD"]:
        yield conv("SuperGATConv", 5, 4, attention_type=kind)
        yield conv("SuperGATConv", 5, 4, 3, False, 0.1, attention_type=kind, bias=False)
        yield conv("SuperGATConv", 5, 4, heads=2, add_self_loops=False, attention_type=kind)
    for beta in [False, True]:
        yield conv("TransformerConv", 5, 4, heads=3, beta=beta, concat=False)
        yield conv("TransformerConv", 5, 4, heads=2, beta=beta, root_weight=False)
        yield conv("TransformerConv", (5, 6), 4, heads=2, beta=beta, bipartite=3, bias=False)
        yield conv("TransformerConv", (5, 6), 4, 2, beta=beta, bipartite=3, edges=3, edge_dim=3)
    yield conv("TransformerConv", 5, 4, heads=2, edges=3, edge_dim=3, concat=False, **reverse)
    yield conv("AGNNConv", False)
    yield conv("AGNNConv", add_self_loops=False)
    yield conv("FeaStConv", 5, 4)
    yield conv("FeaStConv", 5, 4, heads=3, add_self_loops=False, bias=False)
    # Propagation
    for weights in [False, True]:
        yield conv("GCNConv", 5, 4, improved=True, weights=weights)
        yield conv("GCNConv", 5, 8, normalize=False, weights=weights)
        yield conv("GCNConv", 5, 4, add_self_loops=False, bias=False, weights=weights)
        yield conv("GCNConv", 5, 4, weights=weights, **reverse)
        yield conv("LGConv", weights=weights)
        yield conv("LGConv", False, weights=weights)
        yield conv("SGConv", 5, 4, K=3, weights=weights)
        yield conv("SGConv", 5, 8, 2, False, False, False, weights=weights)
        yield conv("SSGConv", 5, 4, 0.2, K=3, weights=weights)
        yield conv("SSGConv", 5, 4, alpha=0.2, add_self_loops=False, bias=False, weights=weights)
        yield conv("TAGConv", 5, 4, weights=weights)
        yield conv("TAGConv", 5, 4, K=1, bias=False, normalize=False, weights=weights)
        yield conv("MixHopConv", 5, 4, weights=weights)
        yield conv("MixHopConv", 5, 4, [3, 1], False, False, weights=weights)
        yield conv("APPNP", 3, 0.2, weights=weights)
        yield conv("APPNP", 2, 0.2, normalize=False, weights=weights)
        yield conv("APPNP", 2, 0.2, add_self_loops=False, weights=weights)
        for normalization in ["sym", "rw", None]:
            yield conv("ChebConv", 5, 4, 4, normalization=normalization, weights=weights)
        yield conv("ChebConv", 5, 4, 1, bias=False, weights=weights)
        yield conv("ARMAConv", 5, 4, 3, 3, weights=weights)
        yield conv("ARMAConv", 5, 4, 2, 3, True, weights=weights)
        yield conv("ARMAConv", 5, 7, act=None, bias=False, weights=weights)
        yield conv("ARMAConv", 5, 4, num_stacks=2, act=Tanh(), weights=weights)
        yield conv("GCN2Conv", 5, 0.2, weights=weights, initial=True)
        yield conv("GCN2Conv", 5, 0.2, 0.5, 3, False, weights=weights, initial=True)
        yield conv("GCN2Conv", 5, 0.2, normalize=False, weights=weights, initial=True)
        yield conv("GCN2Conv", 5, 0.2, add_self_loops=False, weights=weights, initial=True)
        for aggr in AGGREGATIONS:
            yield conv("GatedGraphConv", 6, 3, aggr=aggr, weights=weights)
        yield conv("GatedGraphConv", 5, 1, bias=False, weights=weights)
    yield conv("FAConv", 5, initial=True)
    yield conv("FAConv", 5, 0.0, add_self_loops=False, initial=True)
    yield conv("FAConv", 5, eps=0.4, normalize=False, weights=True, initial=True)
    yield conv("ClusterGCNConv", 5, 4, bias=False)
    yield conv("ClusterGCNConv", 5, 4, 0.3)
    # Messages of networks
    for aggr in AGGREGATIONS:
        yield conv("GINEConv", network(5, 8, 4), aggr=aggr, edges=3, edge_dim=3)
        yield conv("GeneralConv", 5, 4, aggr=aggr, heads=2)
        yield conv("NNConv", 5, 4, network(3, 8, 20), aggr=aggr, edges=3)
        yield conv("CGConv", 5, aggr=aggr)
        yield conv("GMMConv", 5, 4, 2, 3, aggr=aggr, edges=2)
        yield conv("FiLMConv", 5, 4, 3, aggr=aggr, types=3)
    yield conv("GINEConv", network(5, 4), 0.2, True, edges=5)
    yield conv("GINEConv", Linear(5, 4), edges=3, edge_dim=3)
    for directed in [True, False]:
        for kind in ["additive", "dot_product"]:
            yield conv("GeneralConv", 5, 4, 3, heads=2, attention=True, attention_type=kind,
                       directed_msg=directed, edges=3)
        yield conv("GeneralConv", 5, 5, directed_msg=directed, l2_normalize=True)
        yield conv("GeneralConv", 5, 5, skip_linear=True, directed_msg=directed, bias=False)
    yield conv("GeneralConv", (5, 6), 4, bipartite=3, heads=3)
    yield conv("NNConv", (5, 6), 4, Linear(3, 20), root_weight=False, bias=False, bipartite=3,
               edges=3)
    yield conv("CGConv", 5, 3, batch_norm=True, edges=3)
    yield conv("CGConv", (5, 6), 3, bias=False, bipartite=3, edges=3)
    for act in [Sigmoid(), Tanh(), ELU()]:
        yield conv("ResGatedGraphConv", 5, 4, act)
    yield conv("ResGatedGraphConv", (5, 6), 4, edge_dim=3, edges=3, bipartite=3, bias=False)
    yield conv("ResGatedGraphConv", 5, 4, edge_dim=3, edges=3, root_weight=False)
    yield conv("GMMConv", 5, 4, 2, 3, True, edges=2)
    yield conv("GMMConv", (5, 6), 4, 2, 3, bias=False, edges=2, bipartite=3)
    yield conv("FiLMConv", 5, 4)
    yield conv("FiLMConv", (5, 6), 4, 2, act=None, types=2, bipartite=3)
    yield conv("FiLMConv", 5, 4, 2, network(5, 6, 8), act=Tanh(), types=2)
    for aggr in ["softmax", "softmax_sg", "power", "add", "mean", "max"]:
        yield conv("GENConv", 5, 4, aggr)
        yield conv("GENConv", 5, 4, aggr=aggr, edges=3, edge_dim=3, norm="layer", bias=True)
    for norm in ["batch", "layer", "instance", None]:
        yield conv("GENConv", 5, 5, norm=norm, edges=5, edge_dim=5, num_layers=3, expansion=1)
    yield conv("GENConv", 5, 4, t=0.5, learn_t=True, msg_norm=True, learn_msg_scale=True)
    yield conv("GENConv", 5, 4, "power", p=2.0, learn_p=True, msg_norm=True)
    yield conv("GENConv", (5, 6), 4, ["mean", "max"], eps=1e-3, num_layers=1, bipartite=3)
    yield from hypergraph()


def hypergraph():
    def case(weights=False, **kwargs):
        has_features = kwargs.get("use_attention", False)

        def inputs(draw):
            hyperedges = draw.nodes // 2
            index = torch.stack([draw.integers(draw.edges, draw.nodes - 1),
                                 draw.integers(draw.edges, hyperedges)])
            index[1, 0] = hyperedges - 1
            tensors = {"x": draw.normal(draw.nodes, 5), "edge_index": index}
            if weights:
                tensors["hyperedge_weight"] = draw.uniform(hyperedges, low=0.2)
            if has_features:
                tensors["hyperedge_attr"] = draw.normal(hyperedges, 5)
            return tensors

        def run(module, tensors):
            named = {k: v for k, v in tensors.items() if k.startswith("hyperedge_")}
            return module(tensors["x"], tensors["edge_index"], **named)

        return Case("HypergraphConv", {"args": [5, 4], "kwargs": kwargs},
                    lambda: nn.HypergraphConv(5, 4, **kwargs), inputs, run)

    for weights in [False, True]:
        yield case(weights, bias=False)
        for mode in ["node", "edge"]:
            yield case(weights, use_attention=True, attention_mode=mode, heads=2)
            yield case(weights, use_attention=True, attention_mode=mode, heads=2, concat=False)
