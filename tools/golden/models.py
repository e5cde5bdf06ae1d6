"""Whole models."""
import copy

import torch
from torch.nn import Embedding, Linear, Module, ModuleList
from torch_geometric import nn, transforms
from torch_geometric.data import Data
from torch_geometric.nn.models.tgn import IdentityMessage, MeanAggregator

from golden.case import Case

# Nodes of models that have a row for each.
COUNT = 40


def network(op, *args, weights=False, edges=None, batch=False, sizes=(0, 1, 2), **kwargs):
    """A stack of convolutions."""

    def inputs(draw):
        tensors = {"x": draw.normal(draw.nodes, args[0]), "edge_index": draw.edge_index()}
        if weights:
            tensors["edge_weight"] = draw.uniform(draw.edges, low=0.2)
        if edges:
            tensors["edge_attr"] = draw.normal(draw.edges, edges)
        if batch:
            tensors["batch"] = torch.sort(draw.integers(draw.nodes, 3)).values
        return tensors

    def run(module, t):
        named = {k: t[k] for k in ("edge_weight", "edge_attr", "batch") if k in t}
        return module(t["x"], t["edge_index"], **named)

    return Case(op, {"args": list(args), "kwargs": kwargs},
                lambda: getattr(nn, op)(*args, **copy.deepcopy(kwargs)), inputs, run, sizes)


def networks():
    yield network("GCN", 5, 8, 2, 3)
    yield network("GCN", 5, 8, 3, weights=True, act="elu", act_kwargs={"alpha": 0.5})
    for jk in ["last", "cat", "max", "lstm"]:
        yield network("GCN", 5, 6, 3, 4, jk=jk, norm="batch_norm")
    yield network("GCN", 5, 8, 3, 4, norm="graph_norm", batch=True, act_first=True)
    yield network("GCN", 5, 8, 1, 4, norm="layer_norm", act=None)
    yield network("GCN", 5, 8, 1, 4, norm="layer_norm", jk="cat")
    yield network("GCN", 5, 8, 2, improved=True, bias=False, weights=True)
    yield network("GCN", 5, 8, 2, normalize=False)
    yield network("GraphSAGE", 5, 8, 3, 4)
    yield network("GraphSAGE", 5, 8, 2, aggr="max", project=True, norm="layer_norm",
                  norm_kwargs={"mode": "node"})
    yield network("GraphSAGE", 5, 8, 2, 4, jk="lstm", aggr="add")
    yield network("GAT", 5, 8, 2, 3)
    yield network("GAT", 5, 8, 3, 6, heads=2, residual=True)
    yield network("GAT", 5, 8, 3, 6, heads=2, jk="cat")
    yield network("GAT", 5, 8, 2, heads=4, v2=True, edges=3, edge_dim=3)
    yield network("GAT", 5, 8, 3, 7, heads=4, v2=True, share_weights=True, concat=False)
    yield network("GIN", 5, 8, 2, 3)
    yield network("GIN", 5, 8, 3, 4, train_eps=True, norm="batch_norm", jk="max")
    yield network("GIN", 5, 8, 2, norm="layer_norm", act_first=True, act="tanh")
    degrees = torch.tensor([1, 3, 4, 2])
    named = {"aggregators": ["mean", "max", "sum"], "scalers": ["identity", "amplification"]}
    yield network("PNA", 5, 8, 2, 3, deg=degrees, **named)
    # Sums of sums are large: rounding of what cancels among them says little.
    yield network("PNA", 5, 8, 2, 4, deg=degrees, towers=2, edges=3, edge_dim=3, sizes=(0, 2),
                  **named)
    yield network("EdgeCNN", 5, 8, 2, 3)
    yield network("EdgeCNN", 5, 8, 3, 4, norm="batch_norm", jk="last", aggr="mean")


def jumping(mode):
    def inputs(draw):
        return {f"x{layer}": draw.normal(draw.nodes, 5) for layer in range(3)}

    return Case("JumpingKnowledge", {"args": [mode, 5, 3]},
                lambda: nn.JumpingKnowledge(mode, 5, 3), inputs,
                lambda module, t: module([t["x0"], t["x1"], t["x2"]]))


def pairs(draw, count, nodes):
    return torch.stack([draw.integers(count, nodes), draw.integers(count, nodes)])


def light_gcn(layers, weights=False, **kwargs):
    def inputs(draw):
        tensors = {"edge_index": draw.edge_index(), "pairs": pairs(draw, 9, COUNT),
                   "others": pairs(draw, 9, COUNT)}
        if weights:
            tensors["edge_weight"] = draw.uniform(draw.edges, low=0.2)
        return tensors

    def run(module, t):
        scores = [module(t["edge_index"], t[k], t.get("edge_weight")) for k in ("pairs", "others")]
        nodes = t["pairs"][0].unique()
        return {"y": module.get_embedding(t["edge_index"], t.get("edge_weight")),
                "scores": scores[0], "loss": module.recommendation_loss(*scores, lambda_reg=0.1),
                "part": module.recommendation_loss(*scores, nodes, lambda_reg=0.1)}

    return Case("LightGCN", {"args": [COUNT, 5, layers], "kwargs": kwargs},
                lambda: nn.LightGCN(COUNT, 5, layers, **kwargs), inputs, run)


class Variational(Module):
    def __init__(self, width, hidden, outputs):
        super().__init__()
        self.conv1 = nn.GCNConv(width, hidden)
        self.conv_mu = nn.GCNConv(hidden, outputs)
        self.conv_logstd = nn.GCNConv(hidden, outputs)

    def forward(self, x, edge_index):
        h = self.conv1(x, edge_index).relu()
        return self.conv_mu(h, edge_index), self.conv_logstd(h, edge_index)


def encoder_inputs(draw):
    return {"x": draw.normal(draw.nodes, 5), "edge_index": draw.edge_index(),
            "others": pairs(draw, 9, draw.nodes)}


def autoencoders():
    def plain(module, t):
        z = module.encode(t["x"], t["edge_index"])
        return {"z": z, "loss": module.recon_loss(z, t["edge_index"], t["others"])}

    def variational(module, t):
        z = module.encode(t["x"], t["edge_index"])
        loss = module.recon_loss(z, t["edge_index"], t["others"])
        loss = loss + module.kl_loss() / t["x"].size(0)
        return {"z": z, "divergence": module.kl_loss(), "loss": loss}

    yield Case("GAE", {"args": [5, 8, 2, 4]}, lambda: nn.GAE(nn.GCN(5, 8, 2, 4)),
               encoder_inputs, plain)
    yield Case("VGAE", {"args": [5, 8, 4]}, lambda: nn.VGAE(Variational(5, 8, 4)),
               encoder_inputs, variational)


def infomax():
    def inputs(draw):
        x = draw.normal(draw.nodes, 5)
        order = torch.randperm(draw.nodes, generator=draw.generator)
        return {"x": x, "x_shuffled": x[order].clone(), "edge_index": draw.edge_index()}

    def make():
        # The shuffled features are an argument of their own.
        return nn.DeepGraphInfomax(
            8, First(nn.GCN(5, 8, 1)), summary=lambda z, *_: z.mean(dim=0).sigmoid(),
            corruption=lambda x, edge_index, shuffled: (shuffled, edge_index, x))

    def run(module, t):
        real, shuffled, summary = module(t["x"], t["edge_index"], t["x_shuffled"])
        return {"real": real, "shuffled": shuffled, "summary": summary,
                "loss": module.loss(real, shuffled, summary)}

    yield Case("DeepGraphInfomax", {"args": [5, 8]}, make, inputs, run)


class First(nn.GCN):
    """Takes no account of a third argument."""

    def __init__(self, other):
        super().__init__(5, 8, 1)

    def forward(self, x, edge_index, _):
        return super().forward(x, edge_index)


def linkx(*args, features=True, weights=False, **kwargs):
    def inputs(draw):
        tensors = {"edge_index": draw.edge_index()}
        if features:
            tensors["x"] = draw.normal(COUNT, 5)
        if weights:
            tensors["edge_weight"] = draw.uniform(draw.edges, low=0.2)
        return tensors

    def run(module, t):
        # Edges that end at a node of the greatest number say how many there are.
        adjacency = torch.zeros(COUNT, COUNT)
        ones = torch.ones(t["edge_index"].size(1))
        values = t.get("edge_weight", ones)
        adjacency = adjacency.index_put(
            (t["edge_index"][1], t["edge_index"][0]), values, accumulate=True)
        return linkx_forward(module, t.get("x"), adjacency)

    return Case("LINKX", {"args": [COUNT, 5, 8, 3, *args], "kwargs": kwargs},
                lambda: nn.LINKX(COUNT, 5, 8, 3, *args, **kwargs), inputs, run)


def linkx_forward(module, x, adjacency):
    """The model on a dense matrix: its layer of the adjacency matrix takes one."""
    layer = module.edge_lin
    forward = layer.forward
    layer.forward = lambda edges, weights=None: edges @ layer.weight + layer.bias
    result = module(x, adjacency)
    layer.forward = forward
    return result


def skip_gram(name, make, rows):
    def inputs(draw):
        return {k: draw.integers(9 * 4, rows).view(9, 4) for k in ("walks", "others")}

    return Case(name, {"args": [rows, 5]}, make, inputs,
                lambda module, t: module.loss(t["walks"], t["others"]))


def node2vec():
    # Its constructor asks for a library that draws walks; its loss does not.
    model = nn.Node2Vec.__new__(nn.Node2Vec)
    Module.__init__(model)
    model.embedding, model.embedding_dim, model.EPS = Embedding(COUNT, 5), 5, 1e-15
    return model


def metapath2vec():
    index = torch.tensor([[0], [0]])
    path = [("a", "to", "b"), ("b", "to", "a")]
    return nn.MetaPath2Vec({k: index for k in path}, 5, path, 4, 3,
                           num_nodes_dict={"a": COUNT - 8, "b": 7})


def propagation(steps, alpha, known=True, weights=False):
    def inputs(draw):
        tensors = {"y": draw.uniform(draw.nodes, 3), "edge_index": draw.edge_index()}
        if known:
            tensors["known"] = torch.arange(0, draw.nodes, 3)
        if weights:
            tensors["edge_weight"] = draw.uniform(draw.edges, low=0.2)
        return tensors

    return Case("LabelPropagation", {"args": [steps, alpha]},
                lambda: nn.LabelPropagation(steps, alpha), inputs,
                lambda m, t: m(t["y"], t["edge_index"], t.get("known"), t.get("edge_weight")))


def correction(*args, weights=False, **kwargs):
    def inputs(draw):
        tensors = {"y": draw.normal(draw.nodes, 3).softmax(dim=1), "edge_index": draw.edge_index(),
                   "known": torch.arange(0, draw.nodes, 3)}
        labels = draw.integers(draw.nodes, 3)
        tensors["labels"] = torch.nn.functional.one_hot(labels, 3).float()
        if weights:
            tensors["edge_weight"] = draw.uniform(draw.edges, low=0.1, high=0.3)
        return tensors

    @torch.no_grad()
    def run(module, t):
        given = (t["labels"][t["known"]], t["known"], t["edge_index"], t.get("edge_weight"))
        corrected = module.correct(t["y"], *given)
        return {"corrected": corrected, "y": module.smooth(corrected, *given)}

    return Case("CorrectAndSmooth", {"args": list(args), "kwargs": kwargs},
                lambda: nn.CorrectAndSmooth(*args, **kwargs), inputs, run)


def unet(*args, batch=False, sizes=(0, 1, 2), **kwargs):
    def inputs(draw):
        tensors = {"x": draw.normal(draw.nodes, 5), "edge_index": draw.edge_index()}
        if batch:
            tensors["batch"] = torch.sort(draw.integers(draw.nodes, 3)).values
        return tensors

    return Case("GraphUNet", {"args": list(args), "kwargs": kwargs},
                lambda: nn.GraphUNet(*args, **kwargs), inputs,
                lambda m, t: m(t["x"], t["edge_index"], t.get("batch")), sizes)


def near(cutoff):
    """The pairs of atoms of a molecule that are near, and their distances."""

    def graph(pos, batch):
        distance = torch.cdist(pos, pos, compute_mode="donot_use_mm_for_euclid_dist")
        isnear = (distance < cutoff) & (batch.view(-1, 1) == batch) & ~torch.eye(len(pos)).bool()
        index = isnear.nonzero().t()
        return index, (pos[index[0]] - pos[index[1]]).norm(dim=-1)

    return graph


def schnet(atomref=False, **kwargs):
    named = {"hidden_channels": 8, "num_filters": 6, "num_interactions": 2, "num_gaussians": 5,
             "cutoff": 2.5} | kwargs

    def inputs(draw):
        return {"z": 1 + draw.integers(draw.nodes, 9), "pos": 2 * draw.normal(draw.nodes, 3),
                "batch": torch.sort(draw.integers(draw.nodes, 3)).values}

    def make():
        reference = torch.arange(100.0).view(100, 1) / 10 if atomref else None
        return nn.SchNet(interaction_graph=near(named["cutoff"]), atomref=reference, **named)

    def run(module, t):
        t["batch"][-1] = 2
        return module(t["z"], t["pos"], t["batch"])

    return Case("SchNet", {"args": [], "kwargs": named | ({"atomref": True} if atomref else {})},
                make, inputs, run)


class Latest(Module):
    """The latest message of each node. (LastAggregator of PyTorch Geometric 2.8 gives nodes without messages that of
    another where there are more messages than nodes.)"""

    def forward(self, msg, index, t, dim_size):
        latest = {}
        for place in t.argsort(stable=True).tolist():
            latest[int(index[place])] = msg[place]
        zeros = msg.new_zeros(msg.size(1))
        return torch.stack([latest.get(node, zeros) for node in range(dim_size)])


def memory(aggregator, training):
    def inputs(draw):
        tensors = {"nodes": torch.arange(0, COUNT, 2)}
        for step in range(3):
            source, target = pairs(draw, 7, COUNT)
            tensors |= {f"sources{step}": source, f"targets{step}": target,
                        f"times{step}": 10 * step + torch.randperm(9, generator=draw.generator)[:7],
                        f"messages{step}": draw.normal(7, 4)}
        return tensors

    def make():
        return nn.TGNMemory(COUNT, 4, 6, 3, IdentityMessage(4, 6, 3), aggregator())

    def run(module, t):
        module.reset_state()
        module.detach()
        module.training = training
        with torch.no_grad():
            for step in range(3):
                module.update_state(*(t[f"{k}{step}"].detach() for k in (
                    "sources", "targets", "times", "messages")))
        rows, times = module(t["nodes"])
        return {"y": rows, "times": times}

    name = "last" if aggregator is Latest else "mean"
    return Case("TGNMemory", {"args": [COUNT, 4, 6, 3], "kwargs": {
        "aggr": name, "training": training}}, make, inputs, run)


class Sign(Module):
    """As in the examples of PyTorch Geometric."""

    def __init__(self, width, hidden, hops, outputs):
        super().__init__()
        self.lins = ModuleList([Linear(width, hidden) for _ in range(hops + 1)])
        self.lin = Linear((hops + 1) * hidden, outputs)

    def forward(self, xs):
        return self.lin(torch.cat([lin(x).relu() for lin, x in zip(self.lins, xs)], dim=-1))


def sign():
    def inputs(draw):
        return {"x": draw.normal(draw.nodes, 5), "edge_index": draw.edge_index()}

    def run(module, t):
        with torch.no_grad():
            data = transforms.SIGN(3)(Data(x=t["x"], edge_index=t["edge_index"]))
        hops = [t["x"].detach(), data.x1, data.x2, data.x3]
        return {"hops": torch.cat(hops, dim=1), "y": module(hops)}

    yield Case("SIGN", {"args": [5, 8, 3, 4]}, lambda: Sign(5, 8, 3, 4), inputs, run)


class GraphGPS(Module):
    """As in the examples of PyTorch Geometric."""

    def __init__(self, width, encoding, channels, encoded, layers, outputs, **kwargs):
        super().__init__()
        self.node_emb = Linear(width, channels - encoded)
        self.pe_norm = torch.nn.BatchNorm1d(encoding)
        self.pe_lin = Linear(encoding, encoded)
        self.convs = ModuleList([
            nn.GPSConv(channels, nn.GINConv(torch.nn.Sequential(
                Linear(channels, channels), torch.nn.ReLU(), Linear(channels, channels))), **kwargs)
            for _ in range(layers)])
        self.mlp = torch.nn.Sequential(
            Linear(channels, channels // 2), torch.nn.ReLU(), Linear(channels // 2, channels // 4),
            torch.nn.ReLU(), Linear(channels // 4, outputs))

    def forward(self, x, pe, edge_index, batch):
        x = torch.cat([self.node_emb(x), self.pe_lin(self.pe_norm(pe))], dim=1)
        for conv in self.convs:
            x = conv(x, edge_index, batch)
        return self.mlp(nn.global_add_pool(x, batch))


def gps():
    def inputs(draw):
        tensors = {"x": draw.normal(draw.nodes, 5), "encoding": draw.normal(draw.nodes, 4),
                   "edge_index": draw.edge_index(),
                   "batch": torch.sort(draw.integers(draw.nodes, 3)).values}
        tensors["batch"][-1] = 2
        return tensors

    # Normalization of sums over few nodes makes large numbers of small differences.
    yield Case("GraphGPS", {"args": [5, 4, 8, 3, 2, 3], "kwargs": {"heads": 2}},
               lambda: GraphGPS(5, 4, 8, 3, 2, 3, heads=2), inputs,
               lambda m, t: m(t["x"], t["encoding"], t["edge_index"], t["batch"]))


def cases():
    yield from networks()
    for mode in ["cat", "max", "lstm"]:
        yield jumping(mode)
    yield light_gcn(3)
    yield light_gcn(2, weights=True, alpha=0.5)
    yield light_gcn(2, normalize=False)
    yield from autoencoders()
    yield from infomax()
    yield linkx(1)
    yield linkx(2, num_edge_layers=2, num_node_layers=2)
    yield linkx(3, num_edge_layers=3, weights=True, dropout=0.5)
    yield linkx(1, features=False)
    yield skip_gram("Node2Vec", node2vec, COUNT)
    yield skip_gram("MetaPath2Vec", metapath2vec, COUNT)
    yield propagation(3, 0.9)
    yield propagation(2, 0.5, known=False, weights=True)
    yield correction(3, 0.8, 2, 0.6)
    yield correction(2, 0.5, 3, 0.9, autoscale=False, scale=1.5)
    yield correction(2, 0.7, 2, 0.8, weights=True)
    yield unet(5, 8, 3, 3)
    yield unet(5, 8, 3, 2, pool_ratios=0.7, batch=True)
    yield unet(5, 8, 3, 2, pool_ratios=4, sum_res=False, act="elu")
    yield schnet()
    yield schnet(readout="mean", mean=1.5, std=2.0, atomref=True)
    for aggregator in [Latest, MeanAggregator]:
        for training in [True, False]:
            yield memory(aggregator, training)
    yield from sign()
    yield from gps()
