"""Models of clouds of points, as in the examples of PyTorch Geometric."""
import torch
from torch.nn import Linear, Module
from torch_geometric import nn
from torch_geometric.nn import MLP

from golden import special  # noqa: F401 (the nearest neighbors that layers look for)
from golden.case import Case


def clouds(batch):
    return [(batch == cloud).nonzero().view(-1) for cloud in batch.unique()]


def farthest(pos, batch, ratio):
    """Of each cloud its first point, then the one that is farthest from all that were taken."""
    taken = []
    for rows in clouds(batch):
        chosen = [0]
        points = pos[rows].detach()
        while len(chosen) < -(-len(rows) * ratio // 1):
            distance = ((points[:, None] - points[chosen][None]) ** 2).sum(-1).min(dim=1).values
            chosen.append(int(distance.argmax()))
        taken += rows[chosen].tolist()
    return torch.tensor(taken)


def around(pos, targets, radius, batch):
    """Pairs of points and of targets that are near, points first."""
    distance = ((pos[None] - pos[targets][:, None]) ** 2).sum(-1)
    isnear = (distance <= radius * radius) & (batch[targets].view(-1, 1) == batch)
    return isnear.nonzero().t().flip(0)


class Abstraction(Module):
    def __init__(self, ratio, radius, widths):
        super().__init__()
        self.ratio, self.radius = ratio, radius
        self.conv = nn.PointNetConv(MLP(widths), add_self_loops=False)

    def forward(self, x, pos, batch):
        targets = farthest(pos, batch, self.ratio)
        index = around(pos.detach(), targets, self.radius, batch)
        own = None if x is None else x[targets]
        x = self.conv((x, own), (pos, pos[targets]), index)
        return x, pos[targets], batch[targets]


class GlobalAbstraction(Module):
    def __init__(self, widths):
        super().__init__()
        self.nn = MLP(widths)

    def forward(self, x, pos, batch):
        x = nn.global_max_pool(self.nn(torch.cat([x, pos], dim=1)), batch)
        return x, pos.new_zeros(x.size(0), pos.size(1)), torch.arange(x.size(0))


class Propagation(Module):
    def __init__(self, k, widths):
        super().__init__()
        self.k, self.nn = k, MLP(widths)

    def forward(self, x, pos, batch, to_x, to_pos, to_batch):
        x = nn.knn_interpolate(x, pos, to_pos, batch, to_batch, k=self.k)
        x = x if to_x is None else torch.cat([x, to_x], dim=1)
        return self.nn(x), to_pos, to_batch


class PointNet2(Module):
    def __init__(self, outputs, width, features, radii, segments):
        super().__init__()
        w, segments = width, segments
        self.sa1_module = Abstraction(0.5, radii[0], [features + 3, w // 2, w // 2, w])
        self.sa2_module = Abstraction(0.25, radii[1], [w + 3, w, w, 2 * w])
        self.sa3_module = GlobalAbstraction([2 * w + 3, 2 * w, 4 * w, 8 * w])
        if segments:
            self.fp3_module = Propagation(1, [10 * w, 2 * w, 2 * w])
            self.fp2_module = Propagation(3, [3 * w, 2 * w, w])
            self.fp1_module = Propagation(3, [w + features, w, w, w])
            self.mlp = MLP([w, w, w, outputs], dropout=0.5, norm=None)
        else:
            self.mlp = MLP([8 * w, 4 * w, 2 * w, outputs], dropout=0.5, norm=None)
        self.segments = segments

    def forward(self, x, pos, batch):
        points = (x, pos, batch)
        first = self.sa1_module(*points)
        second = self.sa2_module(*first)
        last = self.sa3_module(*second)
        if not self.segments:
            return self.mlp(last[0])
        last = self.fp3_module(*last, *second)
        last = self.fp2_module(*last, *first)
        return self.mlp(self.fp1_module(*last, *points)[0])


class DGCNN(Module):
    def __init__(self, outputs, width, k):
        super().__init__()
        w = width
        self.conv1 = nn.DynamicEdgeConv(MLP([6, w, w, w]), k, "max")
        self.conv2 = nn.DynamicEdgeConv(MLP([2 * w, 2 * w]), k, "max")
        self.lin1 = Linear(3 * w, 16 * w)
        self.mlp = MLP([16 * w, 8 * w, 4 * w, outputs], dropout=0.5, norm=None)

    def forward(self, pos, batch):
        first = self.conv1(pos, batch)
        second = self.conv2(first, batch)
        rows = self.lin1(torch.cat([first, second], dim=1))
        return self.mlp(nn.global_max_pool(rows, batch))


def inputs(features):
    def draw(draw):
        count = 2 * draw.nodes
        tensors = {"pos": draw.uniform(count, 3, low=-1.0), "batch": torch.arange(count) // draw.nodes}
        if features:
            tensors["x"] = draw.normal(count, features)
        return tensors

    return draw


def cases():
    for segments in [False, True]:
        for features in [0, 2]:
            given = {"outputs": 3, "width": 6, "features": features, "radii": [0.6, 1.2]}
            yield Case("PointNet2Segmentation" if segments else "PointNet2",
                       {"args": [], "kwargs": given},
                       lambda given=given, segments=segments: PointNet2(**given, segments=segments),
                       inputs(features), lambda m, t: m(t.get("x"), t["pos"], t["batch"]), (0, 1))
    yield Case("DGCNN", {"args": [], "kwargs": {"outputs": 3, "width": 4, "k": 5}},
               lambda: DGCNN(3, 4, 5), inputs(0), lambda m, t: m(t["pos"], t["batch"]), (0, 1))
