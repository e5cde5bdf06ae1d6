import HedgerowCore
public import HedgerowTensor

/// What an optimizer remembers of one parameter between steps.
public struct OptimizerMemory: Sendable {
  /// Of the parameter.
  public let shape: [Int]
  public internal(set) var stepCount = 0
  /// Each of the parameter's shape.
  public private(set) var tensors: [String: Tensor] = [:]
  /// Where the parameter was found last.
  var found: FoundParameters?

  init(shape: [Int]) { self.shape = shape }

  /// Calls `body` with the elements of tensors for changing, in the order of their names; one that is not
  /// there yet begins as `start` everywhere.
  public mutating func change(
    _ names: [String], startingAs start: Float = 0,
    _ body: ([UnsafeMutablePointer<Float>]) -> Void
  ) {
    // Elements stay where they are as long as the tensors do, and nobody shares these.
    let bases = names.map { name in
      tensors[name, default: Tensor(repeating: start, shape: shape)]
        .withUnsafeMutableBufferPointer { $0.baseAddress! }
    }
    body(bases)
    withExtendedLifetime(tensors) {}
  }
}

extension Optimizer {
  /// What it remembers between steps, under names that begin with parameters' paths. Its settings are not
  /// among it.
  public var state: ModelState {
    var state = ModelState(tensors: [])
    for (path, memory) in memories.sorted(by: { $0.key < $1.key }) {
      state.metadata["\(path).step"] = "\(memory.stepCount)"
      for (name, tensor) in memory.tensors.sorted(by: { $0.key < $1.key }) {
        state.tensors.append(("\(path).\(name)", tensor))
      }
    }
    return state
  }

  /// Goes on from a state, as if it had taken the steps of this model itself.
  ///
  /// - Throws: `badData` when the state is not whole or of another model.
  public mutating func load(_ state: ModelState, for model: some Module) throws {
    let shapes = Dictionary(
      uniqueKeysWithValues: model.namedParameters.map { ($0.path, $0.parameter.shape) })
    var loaded: [String: OptimizerMemory] = [:]
    for (name, text) in state.metadata {
      guard let path = name.beginning(before: "step"), let step = Int(text), step >= 0 else {
        throw HedgerowError(.badData, "the optimizer remembers '\(text)'", at: name)
      }
      guard let shape = shapes[path] else {
        throw HedgerowError(.badData, "the model has no such parameter", at: path)
      }
      loaded[path] = OptimizerMemory(shape: shape)
      loaded[path]!.stepCount = step
    }
    let (always, bySettings) = Self.memoryNames
    for (name, tensor) in state.tensors {
      let own = (always + bySettings).lazy.compactMap { memory in
        name.beginning(before: memory).map { (path: $0, memory: memory) }
      }.first
      guard let own, let shape = loaded[own.path]?.shape else {
        throw HedgerowError(.badData, "the optimizer does not remember this", at: name)
      }
      guard tensor.shape == shape else {
        throw HedgerowError(
          .badData, "the optimizer remembers shape \(tensor.shape), the model has \(shape)",
          at: own.path)
      }
      loaded[own.path]!.set(tensor, named: own.memory)
    }
    if let (path, _) = loaded.first(where: { !always.allSatisfy($0.value.tensors.keys.contains) }) {
      throw HedgerowError(.badData, "the optimizer's memory is not whole", at: path)
    }
    memories = loaded
  }
}

extension OptimizerMemory {
  fileprivate mutating func set(_ tensor: Tensor, named name: String) { tensors[name] = tensor }
}

extension String {
  /// What stands before ".`end`"; `nil` when the text does not end so.
  fileprivate func beginning(before end: String) -> String? {
    hasSuffix(".\(end)") ? String(dropLast(end.count + 1)) : nil
  }
}
