// Runs training steps of layers on sampled blocks as it is told on standard input, for compare-layers:
//
//   NAME COUNT      answers with the seconds that COUNT steps took
//
// on two threads. A step is the loss of two layers and the gradients of their parameters: 60,000 nodes with
// 128 features send along 100,000 edges to 10,000, these along 10,000 to 1,000, of 47 classes; 128 wide, four
// heads where there are heads. Each step has blocks that no other step has seen. HGT has half of the nodes of
// each of two types, and a third of the edges of each of three relations.
import Glibc
import Hedgerow

let (width, hidden, classes) = (128, 128, 47)
var random = RandomStream(seed: 1)

@MainActor func drawn(_ sources: Int, _ targets: Int, _ edges: Int) -> Block {
  let ends = (0..<edges).map { _ in
    (
      UInt32(random.next(below: UInt64(sources))), UInt32(random.next(below: UInt64(targets)))
    )
  }
  return Block(
    sources: ends.map(\.0), targets: ends.map(\.1), sourceCount: sources, targetCount: targets)
}

func network(_ width: Int, _ outputWidth: Int) -> Sequential {
  Sequential(Linear(width, hidden), Activation.relu, Linear(hidden, outputWidth))
}

/// The two layers of a name; `nil` for a name that is none.
func layers(_ name: String) -> [any Convolution]? {
  var gat = GATConv.Options()
  gat.heads = 4
  var (gatv2, lastGATv2) = (GATv2Conv.Options(), GATv2Conv.Options())
  (gatv2.selfLoops, lastGATv2.selfLoops, gatv2.heads) = (false, false, 4)
  var transformer = TransformerConv.Options()
  transformer.heads = 4
  return switch name {
  case "SAGE": [SAGEConv(width, hidden), SAGEConv(hidden, classes)]
  case "GCN": [GCNConv(width, hidden), GCNConv(hidden, classes)]
  case "GAT":
    [
      GATConv(source: width, target: width, to: hidden / 4, options: gat),
      GATConv(source: hidden, target: hidden, to: classes, heads: 1),
    ]
  case "GATv2":
    [GATv2Conv(width, hidden / 4, options: gatv2), GATv2Conv(hidden, classes, options: lastGATv2)]
  case "GIN": [GINConv(network(width, hidden)), GINConv(network(hidden, classes))]
  case "Transformer":
    [
      TransformerConv(width, hidden / 4, options: transformer), TransformerConv(hidden, classes),
    ]
  case "ResGated": [ResGatedGraphConv(width, hidden), ResGatedGraphConv(hidden, classes)]
  case "RGCN":
    [RGCNConv(width, hidden, relations: 4), RGCNConv(hidden, classes, relations: 4)]
  default: nil
  }
}

func result(of layer: any Convolution, _ x: Tensor, _ block: Block) -> Tensor {
  guard let typed = layer as? any EdgeTypedConvolution else { return layer(x, block) }
  return typed(x, block, types: (0..<block.edgeCount).map { UInt32($0 % 4) })
}

let relations = [EdgeType("a", "to", "b"), EdgeType("b", "back", "a"), EdgeType("a", "in", "a")]

/// A block of these extents, in halves and thirds.
@MainActor func drawnOfTypes(_ sources: Int, _ targets: Int, _ edges: Int) -> HeteroBlock {
  var blocks = PerEdge<Block>()
  for relation in relations { blocks[relation] = drawn(sources / 2, targets / 2, edges / 3) }
  return HeteroBlock(
    blocks: blocks, sourceCounts: ["a": sources / 2, "b": sources / 2],
    targetCounts: ["a": targets / 2, "b": targets / 2])
}

/// The seconds that a step of HGT takes.
@MainActor func secondsOfHGT(_ layers: [HGTConv], _ parameters: [Parameter]) -> Double {
  let blocks = [drawnOfTypes(60_000, 10_000, 100_000), drawnOfTypes(10_000, 1000, 10_000)]
  let halves = x.split(every: 30_000, along: 0)
  let features: PerNode<Tensor> = ["a": halves[0], "b": halves[1]]
  return ContinuousClock().measure {
    Compute.with(pool) {
      _ = valueWithGradients(at: parameters) {
        let y = layers[1](layers[0](features, blocks[0]).mapValues(relu), blocks[1])
        return crossEntropy(y["a"], Array(labels[..<500]))
      }
    }
  }.seconds
}

let x = Tensor.random([60_000, width], seed: 1)
let labels = (0..<1000).map { Int32($0 % classes) }
let pool = ThreadPool(threadCount: 2)
while let line = readLine() {
  let words = line.split(separator: " ")
  if words[0] == "HGT" {
    let layers = [
      HGTConv(["a": width, "b": width], to: hidden, relations: relations, heads: 4),
      HGTConv(["a": hidden, "b": hidden], to: 48, relations: relations, heads: 4),
    ].map { $0.initialized(seed: 1) }
    let parameters = layers.flatMap { $0.parameters }
    let seconds = (0..<Int(words[1])!).map { _ in secondsOfHGT(layers, parameters) }
    print(seconds.reduce(0, +))
    fflush(nil)
    continue
  }
  let model = layers(String(words[0]))!.enumerated().map { index, layer -> any Convolution in
    layer.initialized(seed: UInt64(index))
  }
  let parameters = model.flatMap { $0.parameters }
  var seconds = 0.0
  for _ in 0..<Int(words[1])! {
    let blocks = [drawn(60_000, 10_000, 100_000), drawn(10_000, 1000, 10_000)]
    seconds +=
      ContinuousClock().measure {
        Compute.with(pool) {
          _ = valueWithGradients(at: parameters) {
            let y = relu(result(of: model[0], x, blocks[0]))
            return crossEntropy(result(of: model[1], y, blocks[1]), labels)
          }
        }
      }.seconds
  }
  print(seconds)
  fflush(nil)
}
