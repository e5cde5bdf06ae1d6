"""What makes one row of the rows of each set."""
import copy

import torch
from torch.nn import Linear, ReLU, Sequential, Tanh
from torch_geometric.nn import aggr

from golden.case import Case


def aggregation(op, *args, by_group=False, positive=False, sizes=(0, 1, 2), **kwargs):
    """An aggregation with these arguments; one of the sets is empty."""

    def inputs(draw):
        x = draw.uniform(draw.nodes, 5, low=0.1) if positive else draw.normal(draw.nodes, 5)
        index = draw.integers(draw.nodes, 4)
        index[index == 1] = 2
        index[0], index[-1] = 0, 4
        return {"x": x, "index": torch.sort(index).values if by_group else index}

    def run(module, tensors):
        return module(tensors["x"], tensors["index"], dim_size=5)

    def make():
        return getattr(aggr, op)(*copy.deepcopy(args), **copy.deepcopy(kwargs))

    return Case(op, {"args": list(args), "kwargs": kwargs}, make, inputs, run, sizes)


def cases():
    for op in ["Sum", "Mean", "Max", "Min", "Mul", "Var", "Std", "VariancePreserving"]:
        yield aggregation(f"{op}Aggregation")
    yield aggregation("VarAggregation", semi_grad=True)
    yield aggregation("StdAggregation", semi_grad=True)
    yield aggregation("SoftmaxAggregation")
    yield aggregation("SoftmaxAggregation", 0.3, semi_grad=True)
    yield aggregation("SoftmaxAggregation", t=2.0)
    yield aggregation("SoftmaxAggregation", 0.5, True)
    yield aggregation("SoftmaxAggregation", learn=True, channels=5)
    yield aggregation("PowerMeanAggregation", positive=True)
    yield aggregation("PowerMeanAggregation", 2.0, positive=True)
    yield aggregation("PowerMeanAggregation", 3.0, clamp_min=0.2, clamp_max=0.8, positive=True)
    # A power near zero makes of each rounding a large number.
    yield aggregation("PowerMeanAggregation", 0.5, learn=True, positive=True, sizes=(1, 2))
    yield aggregation("PowerMeanAggregation", learn=True, channels=5, positive=True)
    yield aggregation("PowerMeanAggregation", 2.0, clamp_min=None, clamp_max=0.9, positive=True)
    for interpolation in ["linear", "lower", "higher", "nearest", "midpoint"]:
        yield aggregation("QuantileAggregation", 0.3, interpolation)
        yield aggregation("QuantileAggregation", [0.0, 0.5, 1.0], interpolation=interpolation)
    yield aggregation("QuantileAggregation", q=[0.1], fill_value=0.7)
    yield aggregation("MedianAggregation")
    yield aggregation("MedianAggregation", fill_value=-1.0)
    for op in ["LSTM", "GRU"]:
        yield aggregation(f"{op}Aggregation", 5, 4, by_group=True)
        yield aggregation(f"{op}Aggregation", 5, 6, by_group=True, num_layers=2, bias=False)
    yield aggregation("Set2Set", 5, 2)
    yield aggregation("Set2Set", in_channels=5, processing_steps=4, num_layers=2)
    yield aggregation("AttentionalAggregation", Linear(5, 1))
    yield aggregation("AttentionalAggregation", Sequential(Linear(5, 3), Tanh(), Linear(3, 4)),
                      Linear(5, 4))
    yield aggregation("DeepSetsAggregation", Linear(5, 6), Sequential(ReLU(), Linear(6, 3)))
    yield aggregation("DeepSetsAggregation", global_nn=Linear(5, 3))
    for k in [1, 3, 7]:
        yield aggregation("SortAggregation", k, by_group=True)
    yield aggregation("SetTransformerAggregation", 5, by_group=True)
    yield aggregation("SetTransformerAggregation", 5, 3, 2, 2, 5, False, True, by_group=True)
    yield aggregation("SetTransformerAggregation", 5, num_seed_points=2, layer_norm=True,
                      num_encoder_blocks=0, by_group=True)
    yield aggregation("GraphMultisetTransformer", 5, 3, by_group=True)
    yield aggregation("GraphMultisetTransformer", 5, 2, 2, 5, True, by_group=True)
    yield aggregation("DegreeScalerAggregation", "mean", "amplification", deg())
    yield aggregation("DegreeScalerAggregation", ["mean", "std", "max"],
                      ["amplification", "attenuation", "linear", "inverse_linear"], deg())
    yield aggregation("DegreeScalerAggregation", ["sum", "min"], ["linear", "attenuation"], deg(),
                      train_norm=True)
    names = ["mean", "max", "std"]
    for mode in ["cat", "sum", "mean", "max", "min", "logsumexp", "std", "var"]:
        yield aggregation("MultiAggregation", names, mode=mode, sizes=(0, 1))
    yield aggregation("MultiAggregation", ["softmax", "powermean"],
                      [{"learn": True, "t": 0.5}, {"p": 2.0}], positive=True)
    yield aggregation("MultiAggregation", names, mode="proj",
                      mode_kwargs={"in_channels": 5, "out_channels": 4})
    yield aggregation("MultiAggregation", names, mode="attn",
                      mode_kwargs={"in_channels": 5, "out_channels": 4, "num_heads": 2})


def deg():
    return torch.tensor([1, 3, 4, 2])
