"""The runs of compare-layers: training steps of PyTorch Geometric between the same ones of `layers`."""
import statistics
import subprocess
import sys
import time

import torch
import torch_geometric
from torch_geometric import nn

WIDTH, HIDDEN, CLASSES = 128, 128, 47
FIRST, SECOND = (60_000, 10_000, 100_000), (10_000, 1000, 10_000)  # sources, targets, edges
SAMPLES = 7


def network(width, output):
    return torch.nn.Sequential(
        torch.nn.Linear(width, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, output))


MODELS = {
    "SAGE": lambda: (nn.SAGEConv(WIDTH, HIDDEN), nn.SAGEConv(HIDDEN, CLASSES)),
    "GCN": lambda: (nn.GCNConv(WIDTH, HIDDEN), nn.GCNConv(HIDDEN, CLASSES)),
    "GAT": lambda: (nn.GATConv((WIDTH, WIDTH), HIDDEN // 4, 4, add_self_loops=False),
                    nn.GATConv((HIDDEN, HIDDEN), CLASSES, add_self_loops=False)),
    "GATv2": lambda: (nn.GATv2Conv(WIDTH, HIDDEN // 4, 4, add_self_loops=False),
                      nn.GATv2Conv(HIDDEN, CLASSES, add_self_loops=False)),
    "GIN": lambda: (nn.GINConv(network(WIDTH, HIDDEN)), nn.GINConv(network(HIDDEN, CLASSES))),
    "Transformer": lambda: (nn.TransformerConv(WIDTH, HIDDEN // 4, 4),
                            nn.TransformerConv(HIDDEN, CLASSES)),
    "ResGated": lambda: (nn.ResGatedGraphConv(WIDTH, HIDDEN),
                         nn.ResGatedGraphConv(HIDDEN, CLASSES)),
    "RGCN": lambda: (nn.RGCNConv(WIDTH, HIDDEN, 4), nn.RGCNConv(HIDDEN, CLASSES, 4)),
    "HGT": lambda: (nn.HGTConv(WIDTH, HIDDEN, TYPES, heads=4),
                    nn.HGTConv(HIDDEN, 48, TYPES, heads=4)),
}
TYPES = (["a", "b"], [("a", "to", "b"), ("b", "back", "a"), ("a", "in", "a")])


def drawn(sources, targets, edges):
    return torch.stack([torch.randint(sources, (edges,)), torch.randint(targets, (edges,))])


class Step:
    """One step; GCN and HGT, which know no two sides of a graph, run over all nodes of the batch, as there."""

    def __init__(self, name):
        self.name = name
        self.layers = MODELS[name]()
        self.parameters = [p for layer in self.layers for p in layer.parameters()]
        self.x = torch.randn(FIRST[0], WIDTH)
        self.labels = torch.arange(SECOND[1]) % CLASSES

    def apply(self, layer, x, edges, targets):
        if self.name == "GCN":
            return layer(x, edges)
        more = [torch.arange(edges.shape[1]) % 4] if self.name == "RGCN" else []
        return layer((x, x[:targets]), edges, *more)

    def heterogeneous_seconds(self):
        first, second = ({r: drawn(s // 2, t // 2, e // 3) for r in TYPES[1]}
                         for s, t, e in (FIRST, SECOND))
        edges = {r: torch.cat([first[r], second[r]], dim=1) for r in TYPES[1]}
        x = dict(zip("ab", self.x.split(FIRST[0] // 2)))
        start = time.perf_counter()
        y = {k: v.relu() for k, v in self.layers[0](x, edges).items()}
        z = self.layers[1](y, edges)["a"][:SECOND[1] // 2]
        loss = torch.nn.functional.cross_entropy(z, self.labels[:SECOND[1] // 2])
        torch.autograd.grad(loss, self.parameters, allow_unused=True)
        return time.perf_counter() - start

    def seconds(self, count):
        if self.name == "HGT":
            return sum(self.heterogeneous_seconds() for _ in range(count))
        seconds = 0
        for _ in range(count):
            first, second = drawn(*FIRST), drawn(*SECOND)
            if self.name == "GCN":
                first = second = torch.cat([first, second], dim=1)
            start = time.perf_counter()
            y = self.apply(self.layers[0], self.x, first, FIRST[1]).relu()
            z = self.apply(self.layers[1], y, second, SECOND[1])[:SECOND[1]]
            loss = torch.nn.functional.cross_entropy(z, self.labels)
            torch.autograd.grad(loss, self.parameters, allow_unused=True)
            seconds += time.perf_counter() - start
        return seconds


class Program:
    def __init__(self, path):
        self.process = subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, name, count):
        self.process.stdin.write(f"{name} {count}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def main():
    torch.set_num_threads(2)
    program, chosen = Program(sys.argv[1]), sys.argv[2:]
    print(f"PyTorch Geometric {torch_geometric.__version__}, torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads")
    print("| | ms | PyG | times |")
    print("|---|---|---|---|")
    for name in chosen or MODELS:
        step, ours, theirs = Step(name), [], []
        for _ in range(SAMPLES + 1):
            ours.append(program.seconds(name, 1))
            theirs.append(step.seconds(1))
        # The first of each warmed up.
        own, other = (statistics.median(times[1:]) for times in (ours, theirs))
        print(f"| {name} | {own * 1e3:.0f} | {other * 1e3:.0f} | {other / own:.1f} |", flush=True)


main()
