import HedgerowCore
import HedgerowNN
import HedgerowTensor
import Testing

struct Block2: Module {
  let hidden = Linear(3, 4)
  let scale: Parameter? = Parameter(shape: [4], from: .constant(1))
  let missing: Linear? = nil
  let name = "no part of the model"
  static let pathNames = ["hidden": "lin_l"]
}

struct Nested: Module {
  let first = Block2()
  let more = [Linear(4, 2), Linear(2, 2, bias: .absent)]
  let byType: PerNode<any Module> = ["paper": Linear(2, 1)]
  let byRelation: PerEdge<any Module> = [("user", "rates", "item"): Linear(1, 1)]
}

@Suite struct ModuleTests {
  @Test func pathsFollowDeclarationsAndNames() {
    #expect(
      Nested().namedParameters.map(\.path) == [
        "first.lin_l.weight", "first.lin_l.bias", "first.scale", "more.0.weight", "more.0.bias",
        "more.1.weight", "byType.paper.weight", "byType.paper.bias",
        "byRelation.<user___rates___item>.weight", "byRelation.<user___rates___item>.bias",
      ])
  }

  @Test func aSharedParameterIsFoundOnce() {
    struct Tied: Module {
      let a: Linear
      let b: Linear
    }
    let linear = Linear(2, 2)
    #expect(Tied(a: linear, b: linear).namedParameters.map(\.path) == ["a.weight", "a.bias"])
  }

  @Test func aDrawDependsOnSeedAndPathAlone() {
    struct Small: Module { let more = [Linear(4, 2)] }
    let large = Nested().initialized(seed: 5)
    let small = Small().initialized(seed: 5)
    #expect(large.more[0].weight.value == small.more[0].weight.value)
    let first = small.more[0].weight.value
    #expect(small.initialized(seed: 6).more[0].weight.value != first)
    #expect(small.initialized(seed: 5).more[0].weight.value == first)
  }

  @Test func linearBeginsWithinPyTorchsBounds() {
    let linear = Linear(400, 300).initialized(seed: 1)
    let bound: Float = 1 / 20
    for parameter in linear.parameters {
      let scalars = parameter.value.scalars
      #expect(scalars.allSatisfy { abs($0) <= bound })
      let variance = scalars.reduce(0) { $0 + $1 * $1 } / Float(scalars.count)
      #expect(abs(variance / (bound * bound / 3) - 1) < 0.2)
    }
  }

  @Test func printingShowsTheTree() {
    #expect(
      Block2().description == """
        Block2, 20 numbers to learn
          lin_l: Linear
            weight [4, 3]
            bias [4]
          scale [4]
        """)
  }

  @Test func linearIsItsEquation() {
    let linear = Linear(2, 2)
    linear.weight.value = Tensor([[1, 2], [3, 4]])
    linear.bias!.value = Tensor([10, 20])
    #expect(linear(Tensor([[1, 1], [0, 2]])) == Tensor([[13, 27], [14, 28]]))
  }

  @Test func anEmbeddingLearnsTheRowsThatWereRead() {
    let embedding = Embedding(4, 2).initialized(seed: 3)
    let (_, gradients) = valueWithGradients(at: embedding) { sum(embedding([2, 0, 2])) }
    #expect(gradients[embedding.weight] == Tensor([[1, 1], [0, 0], [2, 2], [0, 0]]))
  }
}
