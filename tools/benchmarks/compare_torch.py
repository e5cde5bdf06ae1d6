"""The runs of compare-torch: operations of PyTorch between the same ones of `eager`."""
import statistics
import subprocess
import sys
import time

import torch
from torch.nn import functional

SHAPES = [(32, 32, 1000, 15), (1 << 20, 128, 1, 3)]  # rows, columns, runs in a sample, samples


class Inputs:
    def __init__(self, rows, columns):
        self.x = torch.rand(rows, columns) * 4 - 2
        self.leaf = self.x.clone().requires_grad_()
        self.y = torch.rand(rows, columns)
        self.row = torch.rand(columns)
        self.labels = torch.arange(rows) % columns
        self.weight = torch.nn.Parameter(self.x)
        self.weight.grad = self.y
        self.optimizers = {
            "adam": torch.optim.Adam([self.weight]),
            "adam-fused": torch.optim.Adam([self.weight], fused=True),
        }
        self.operations = {
            "add": lambda x: x + self.y,
            "mul": lambda x: x * self.y,
            "relu": torch.relu,
            "gelu": functional.gelu,
            "exp": torch.exp,
            "tanh": torch.tanh,
            "layer-norm": lambda x: functional.layer_norm(x, self.row.shape, self.row, self.row),
            "cross-entropy": lambda x: functional.cross_entropy(x, self.labels),
        }

    def run(self, name, direction):
        if name in self.optimizers:
            self.optimizers[name].step()
        elif direction == "forward":
            with torch.no_grad():
                self.operations[name](self.x)
        else:
            self.leaf.grad = None
            self.operations[name](self.leaf).sum().backward()


class Program:
    def __init__(self, path):
        self.process = subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, name, rows, columns, direction, count):
        self.process.stdin.write(f"{name} {rows} {columns} {direction} {count}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def seconds(inputs, name, direction, count):
    start = time.perf_counter()
    for _ in range(count):
        inputs.run(name, direction)
    return time.perf_counter() - start


def main():
    torch.set_num_threads(2)
    program, chosen = Program(sys.argv[1]), sys.argv[2:]
    results = {}
    for rows, columns, count, samples in SHAPES:
        inputs = Inputs(rows, columns)
        for name in [*inputs.operations, *inputs.optimizers]:
            if chosen and name not in chosen:
                continue
            for direction in ["forward"] if name in inputs.optimizers else ["forward", "back"]:
                ours, theirs = [], []
                for _ in range(samples + 1):
                    own = name.removesuffix("-fused")
                    ours.append(program.seconds(own, rows, columns, direction, count) / count)
                    theirs.append(seconds(inputs, name, direction, count) / count)
                # The first of each warmed up.
                results[name, direction, rows] = [
                    statistics.median(times[1:]) for times in (ours, theirs)]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print("| | | 32 x 32: us | torch | times | 1048576 x 128: ms | torch | times |")
    print("|---|---|---|---|---|---|---|---|")
    for name, direction in dict.fromkeys((name, direction) for name, direction, _ in results):
        row = [name, "" if name.startswith("adam") else direction]
        for rows, unit in ((32, 1e6), (1 << 20, 1e3)):
            ours, theirs = results[name, direction, rows]
            row += [f"{ours * unit:.1f}", f"{theirs * unit:.1f}", f"{theirs / ours:.2f}"]
        print("| " + " | ".join(row) + " |")


main()
