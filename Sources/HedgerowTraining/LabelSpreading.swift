import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor

/// What `label-propagation` and `correct-and-smooth` make of a network's logits by the labels of the training set, which
/// are those that the store has when they are asked.
struct LabelSpreading {
  private let model: TrainingOptions.Model
  private let block: Block
  private let known: [UInt32]
  /// Of the known nodes, as rows of ones and zeros: [nodes, classes].
  private let labels: Tensor
  private let propagation: LabelPropagation

  /// - Parameters:
  ///   - block: the edges among all nodes of the target's type.
  ///   - train: the training set. Labels that are none of the model's classes say nothing.
  /// - Throws: `usage` when no node of it has a label.
  init(
    _ specification: ModelSpecification, _ block: Block,
    _ train: (nodes: [UInt32], labels: [Int32])
  ) throws {
    let classCount = specification.classes.count
    let seeds = zip(train.nodes, train.labels).filter { $1 >= 0 && $1 < classCount }
    guard !seeds.isEmpty else {
      throw HedgerowError(
        .usage,
        "no node of the set 'train' has a label in '\(specification.targetType)."
          + "\(specification.targetColumn)', and \(specification.options.model.rawValue) predicts by these"
      )
    }
    model = specification.options.model
    self.block = block
    known = seeds.map(\.0)
    labels = Tensor(shape: [block.targetCount, classCount]) { numbers in
      numbers.initialize(repeating: 0)
      for (node, label) in seeds { numbers[Int(node) * classCount + Int(label)] = 1 }
    }
    let options = specification.options.propagation ?? .init()
    propagation = LabelPropagation(steps: options.steps, alpha: options.alpha)
  }

  /// Shapes: logits of all nodes, [nodes, classes], result the same.
  func callAsFunction(_ logits: Tensor) -> Tensor {
    let shares =
      model == .labelPropagation
      ? propagation(labels, block, known: known)
      : CorrectAndSmooth(correction: propagation, smoothing: propagation)(
        softmax(logits), labels: labels, known: known, block)
    // Logits whose softmax are the shares; where no label came, all classes are alike.
    return log(maximum(shares, Tensor(1e-8)))
  }
}

/// All classes alike: the network of a model that learns nothing.
struct UniformNetwork: BatchNetwork {
  let target: NodeType
  let outputs: Int

  func callAsFunction(
    _ features: PerNode<Tensor>, _ blocks: [HeteroBlock], nodes: PerNode<[UInt32]>
  ) -> Tensor {
    .zeros([blocks.last?.targetCounts[optional: target] ?? 0, outputs])
  }
}
