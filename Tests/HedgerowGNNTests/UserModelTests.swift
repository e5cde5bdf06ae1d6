import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import Testing

extension NodeType {
  fileprivate static let user: Self = "user"
  fileprivate static let item: Self = "item"
}

/// A model as a user writes it.
private struct Recommender: Module {
  let conv1 = HeteroConv([
    ("user", "rates", "item"): SAGEConv(source: 6, target: 12, to: 12),
    ("item", "rev_rates", "user"): SAGEConv(source: 12, target: 6, to: 8),
  ])
  let conv2 = HeteroConv([("user", "rates", "item"): SAGEConv(source: 8, target: 12, to: 6)])
  let head = Linear(6, 4)

  func callAsFunction(_ x: PerNode<Tensor>, _ blocks: [HeteroBlock]) -> Tensor {
    head(conv2(conv1(x, blocks[0]).mapValues(relu), blocks[1])[.item])
  }
}

@Suite struct UserModelTests {
  @Test func aModelOfTheUsersOwnTrainsInAPlainLoop() throws {
    let rates = EdgeType("user", "rates", "item")
    let batch = DrawnBatch(relations: [rates, rates.reversed], layerCount: 2, seed: 3)
    let features = batch.features([.user: 6, .item: 12])
    let labels = (0..<40).map { Int32($0 % 4) }

    let model = Recommender().initialized(seed: 7)
    var optimizer = Adam(learningRate: 1e-2)
    var losses: [Float] = []
    for step in 0..<200 {
      let randomness = RandomStream(seed: 7).derive(UInt64(step))
      let (loss, gradients) = valueWithGradients(at: model, randomness: randomness) {
        crossEntropy(model(features, batch.blocks), labels)
      }
      optimizer.update(model, along: gradients)
      losses.append(loss.scalar)
    }
    #expect(losses.last! < losses[0] / 2, "from \(losses[0]) to \(losses.last!)")

    let restored = Recommender()
    try restored.load(ModelState(decoding: model.state.encoded()))
    #expect(restored(features, batch.blocks) == model(features, batch.blocks))
  }
}
