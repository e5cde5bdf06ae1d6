import HedgerowCore
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Synchronization
import Testing

/// A model with a part in every kind of place.
private struct Changing: Module {
  var first: Linear
  var rate = 0.5
  var isWide = false
  var optional: Linear?
  var activation = Activation.relu
  var list: [Linear]
  var any: any Layer
  var byType: PerNode<any Module> = [:]

  /// Its parameters, found by hand.
  var expected: [(path: String, parameter: Parameter)] {
    func own(_ path: String, _ linear: Linear?) -> [(path: String, parameter: Parameter)] {
      linear.map { [("\(path).weight", $0.weight), ("\(path).bias", $0.bias!)] } ?? []
    }
    return own("first", first) + own("optional", optional)
      + list.enumerated().flatMap { own("list.\($0)", $1) } + own("any", any as? Linear)
      + byType.flatMap { own("byType.\($0.name)", $1 as? Linear) }
  }
}

/// A module that is an object, and changes in place.
private final class Object: Module, @unchecked Sendable {
  var linear = Linear(2, 2).initialized(seed: 1)
}

/// Counts how often it is looked into.
private struct Watched: Module, CustomReflectable {
  static let looks = Mutex(0)
  let linear = Linear(2, 2).initialized(seed: 1)
  var customMirror: Mirror {
    Self.looks.withLock { $0 += 1 }
    return Mirror(self, children: ["linear": linear])
  }
}

@Suite struct FoundParametersTests {
  private func gradients(of parameters: [(path: String, parameter: Parameter)]) -> Gradients {
    var gradients = Gradients()
    for (_, parameter) in parameters { gradients[parameter] = .ones(parameter.shape) }
    return gradients
  }

  /// The paths of the parameters that a step changes.
  private func changed(
    by optimizer: inout SGD, _ model: some Module, of all: [(path: String, parameter: Parameter)]
  ) -> [String] {
    let before = all.map(\.parameter.value)
    optimizer.update(model, along: gradients(of: all))
    return zip(all, before).filter { $0.parameter.value != $1 }.map(\.0.path)
  }

  @Test func aModelThatChangesIsFoundAnew() {
    var random = RandomStream(seed: printedSeed())
    func linear() -> Linear { Linear(2, 2).initialized(seed: random.next()) }
    var model = Changing(first: linear(), list: [linear(), linear()], any: linear())
    var optimizer = SGD(learningRate: 0.1)
    for round in 0..<300 {
      switch random.next(below: 13) {
      case 0: model.first = linear()
      case 1: model.optional = linear()
      case 2: model.optional = nil
      case 3: model.list[0] = linear()
      case 4: model.list.append(linear())
      case 5: if model.list.count > 1 { model.list.removeLast() }
      case 6: model.any = linear()
      case 7: model.any = Activation.relu
      case 8: swap(&model.first, &model.list[0])
      case 9: model.list.reverse()
      case 10: model.byType["a"] = linear()
      case 11: model.byType["b"] = linear()
      default: model.rate = Double(random.next(below: 2))
      }
      let expected = model.expected
      for _ in 0..<2 {
        let found = model.namedParameters
        #expect(found.map(\.path) == expected.map(\.path), "round \(round)")
        #expect(zip(found, expected).allSatisfy { $0.parameter === $1.parameter })
        #expect(changed(by: &optimizer, model, of: expected) == expected.map(\.path))
      }
    }
  }

  @Test func aModuleThatIsAnObjectMayChangeInPlace() {
    struct Holder: Module { let object = Object() }
    let holder = Holder()
    var optimizer = SGD(learningRate: 0.1)
    for seed in 1...3 {
      let all = [("w", holder.object.linear.weight)]
      #expect(changed(by: &optimizer, holder, of: all) == ["w"])
      #expect(changed(by: &optimizer, holder.object, of: all) == ["w"])
      holder.object.linear = Linear(2, 2).initialized(seed: UInt64(seed))
    }
  }

  @Test func aPartOfTheModelIsUpdatedAlone() {
    let seed = printedSeed()
    let model = Changing(first: Linear(2, 2), list: [Linear(2, 2)], any: Linear(2, 2))
      .initialized(seed: seed)
    var optimizer = SGD(learningRate: 0.1)
    for _ in 0..<3 {
      let all = model.expected
      #expect(changed(by: &optimizer, model, of: all) == all.map(\.path))
      #expect(changed(by: &optimizer, model.first, of: all) == ["first.weight", "first.bias"])
      #expect(changed(by: &optimizer, model.list[0], of: all) == ["list.0.weight", "list.0.bias"])
    }
    #expect(optimizer.memories.keys.sorted().first == "any.bias")
  }

  @Test func stepsLookIntoAModelOnce() {
    let model = Watched()
    var optimizer = Adam()
    func step() {
      let (_, gradients) = valueWithGradients(at: model) { sum(model.linear.weight.value) }
      optimizer.update(model, along: gradients)
    }
    step()
    let looks = Watched.looks.withLock { $0 }
    for _ in 0..<10 { step() }
    #expect(looks > 0 && Watched.looks.withLock { $0 } == looks)
  }

  @Test func aModelGoesWithItsOptimizer() {
    weak var parameter: Parameter?
    do {
      let model = Linear(2, 2).initialized(seed: 1)
      var optimizer = Adam()
      optimizer.update(model, along: gradients(of: model.namedParameters))
      parameter = model.weight
      #expect(parameter != nil)
      withExtendedLifetime((model, optimizer)) {}
    }
    #expect(parameter == nil)
  }
}
