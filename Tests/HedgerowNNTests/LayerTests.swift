import Glibc
import HedgerowCore
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Layers against loops that say what they are, in double precision, and their names against PyTorch's.
@Suite struct LayerTests {
  func isClose(_ a: Tensor, _ b: [Double], location: SourceLocation = #_sourceLocation) {
    #expect(a.count == b.count, sourceLocation: location)
    for (a, b) in zip(a.scalars, b) {
      #expect(abs(Double(a) - b) <= 2e-5 * (1 + abs(b)), sourceLocation: location)
    }
  }

  /// One place of the first axis.
  func place(_ index: Int, of x: Tensor) -> Tensor { x[index] }

  func names(_ module: some Module) -> [String: [Int]] {
    Dictionary(uniqueKeysWithValues: module.state.tensors.map { ($0.name, $0.value.shape) })
  }

  /// Gradients of all parameters and of an input, against difference quotients of single precision.
  func checkGradients(
    of module: some Module, _ x: Tensor, location: SourceLocation = #_sourceLocation,
    _ body: (Tensor) -> Tensor
  ) {
    let input = Parameter(x)
    let weights = Tensor.random(body(x).shape, seed: 77)
    func value() -> Tensor { sum(body(input.value) * weights) }
    let (_, gradients) = valueWithGradients(at: module.parameters + [input]) { value() }
    for parameter in module.parameters + [input] {
      let gradient = gradients[parameter] ?? .zeros(parameter.shape)
      for element in stride(from: 0, to: parameter.count, by: max(1, parameter.count / 7)) {
        func shifted(_ shift: Float) -> Double {
          parameter.withUnsafeMutableBufferPointer { $0[element] += shift }
          defer { parameter.withUnsafeMutableBufferPointer { $0[element] -= shift } }
          return Double(value().scalar)
        }
        let quotient = (shifted(0.01) - shifted(-0.01)) / 0.02
        #expect(
          abs(Double(gradient.scalars[element]) - quotient) < 0.01 * (1 + abs(quotient)),
          sourceLocation: location)
      }
    }
  }

  @Test func aLinearLayerWithoutAWidthTakesThatOfItsInput() throws {
    let lazy = Linear(to: 3).initialized(seed: 5)
    #expect(lazy.weight.shape == [3, -1])
    let x = Tensor.random([4, 6], seed: 1)
    let (_, gradients) = valueWithGradients(at: lazy) { sum(square(lazy(x))) }
    let eager = Linear(6, 3).initialized(seed: 5)
    #expect(lazy.weight.value == eager.weight.value && lazy.bias!.value == eager.bias!.value)
    #expect(gradients[lazy.weight]?.shape == [3, 6])
    #expect(lazy(x) == eager(x))
    // Numbers that are loaded say the width, too.
    let loaded = Linear(to: 3)
    try loaded.load(eager.state)
    #expect(loaded(x) == eager(x))
    #expect(throws: HedgerowError.self) { try Linear(to: 4).load(eager.state) }
  }

  @Test func embeddingsOfNothingStayZero() {
    var options = Embedding.Options()
    options.padding = 2
    let embedding = Embedding(5, 3, options: options).initialized(seed: 1)
    #expect(embedding([2]) == .zeros([1, 3]))
    var optimizer = SGD(learningRate: 1)
    let before = embedding.weight.value
    let (_, gradients) = valueWithGradients(at: embedding) { sum(embedding([2, 0, 2, 0, 4])) }
    optimizer.update(embedding, along: gradients)
    let step = (embedding.weight.value - before).scalars
    #expect(
      zip(step, [-2, -2, -2, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1]).allSatisfy {
        abs($0 - $1) < 1e-6
      })
    let (_, none) = valueWithGradients(at: embedding) { sum(embedding([2, 2])) }
    #expect(none[embedding.weight] == .zeros([5, 3]))
  }

  @Test func embeddingsStayWithinTheirNorm() {
    var options = Embedding.Options()
    options.largestNorm = 1
    let embedding = Embedding(4, 2, options: options)
    embedding.weight.value = Tensor([[3, 4], [0.3, 0.4], [6, 8], [30, 40]])
    let rows = embedding([0, 1, 0, 2])
    isClose(rows, [0.6, 0.8, 0.3, 0.4, 0.6, 0.8, 0.6, 0.8])
    isClose(embedding.weight.value, [0.6, 0.8, 0.3, 0.4, 0.6, 0.8, 30, 40])
    let (_, gradients) = valueWithGradients(at: embedding) { sum(embedding([3, 3])) }
    isClose(gradients[embedding.weight]!, [0, 0, 0, 0, 0, 0, 2, 2])
    isClose(embedding([3]), [0.6, 0.8])
  }

  @Test func sequencesOfLayersAreNamedByTheirPlaces() {
    let model = Sequential(
      Linear(4, 3), Activation.gelu, Sequential(LayerNorm(3), Linear(3, 2, bias: .absent)))
    #expect(
      names(model.initialized(seed: 1)) == [
        "0.weight": [3, 4], "0.bias": [3], "2.0.weight": [3], "2.0.bias": [3],
        "2.1.weight": [2, 3],
      ])
    let x = Tensor.random([5, 4], seed: 2)
    let parts = (model.layers[0] as! Linear, model.layers[2] as! Sequential)
    #expect(model(x) == parts.1(gelu(parts.0(x))))
  }

  @Test func perceptronsAreTheirLayers() {
    var options = MLP.Options()
    options.activation = .silu
    let plain = MLP([4, 6, 5, 2], options: options).initialized(seed: 3)
    #expect(plain.parameters.count == 6 && plain.namedParameters[2].path == "lins.1.weight")
    let x = Tensor.random([7, 4], seed: 4)
    let hidden = silu(plain.layers[1](silu(plain.layers[0](x))))
    isClose(plain(x), plain.layers[2](hidden).scalars.map(Double.init))
    options.normalization = .batch
    let normalized = MLP([4, 6, 2], options: options).initialized(seed: 3)
    #expect(
      Set(names(normalized).keys) == [
        "lins.0.weight", "lins.0.bias", "lins.1.weight", "lins.1.bias", "norms.0.module.weight",
        "norms.0.module.bias", "norms.0.module.running_mean", "norms.0.module.running_var",
        "norms.0.module.num_batches_tracked",
      ])
    let expected = silu(normalized.norms[0](normalized.layers[0](x)))
    isClose(normalized(x), normalized.layers[1](expected).scalars.map(Double.init))
    options.normalization = .layer
    options.plainLast = false
    let last = MLP([4, 3], options: options).initialized(seed: 3)
    isClose(
      last(x), silu(LayerNorm(3).initialized(seed: 1)(last.layers[0](x))).scalars.map(Double.init))
  }

  @Test func perceptronsTakeNormalizationsInTheirPlace() {
    var options = MLP.Options()
    options.activation = .tanh
    options.normalization = .made { LayerNorm($0, epsilon: Float($0)) }
    let x = Tensor.random([7, 4], seed: 4)
    for place in [ActivationPlace.afterNormalization, .beforeNormalization] {
      options.activationPlace = place
      let model = MLP([4, 6, 2], options: options).initialized(seed: 3)
      let norm = LayerNorm(6, epsilon: 6).initialized(seed: 1)
      let first = model.layers[0](x)
      let between = place == .afterNormalization ? tanh(norm(first)) : norm(tanh(first))
      isClose(model(x), model.layers[1](between).scalars.map(Double.init))
      #expect(model.norms.count == 1)
      isClose(model(x), Sequential(model.parts)(x).scalars.map(Double.init))
    }
  }

  @Test(arguments: [[6, 5], [1, 1], [3, 200], [2, 4, 17], [0, 3], [1500, 33]])
  func layerNormIsItsEquation(shape: [Int]) {
    let seed = printedSeed()
    let width = shape.last!
    let norm = LayerNorm(width).initialized(seed: 1)
    norm.weight!.value = .random([width], seed: seed)
    norm.bias!.value = .random([width], seed: seed + 1)
    // Far from zero, where a variance as a difference of squares would have no digits left.
    for offset in [Float(0), 1000] {
      let x = Tensor.random(shape, seed: seed + 2) + offset
      let numbers = x.scalars.map(Double.init)
      var expected: [Double] = []
      for first in stride(from: 0, to: numbers.count, by: width) {
        let row = numbers[first..<first + width]
        let mean = row.reduce(0, +) / Double(width)
        let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
        for (column, value) in row.enumerated() {
          expected.append(
            (value - mean) / (variance + 1e-5).squareRoot() * Double(norm.weight!.value[column])
              + Double(norm.bias!.value[column]))
        }
      }
      let y = norm(x)
      #expect(y.shape == shape)
      let tolerance = offset == 0 ? 2e-5 : 2e-3
      for (a, b) in zip(y.scalars, expected) { #expect(abs(Double(a) - b) < tolerance) }
    }
  }

  @Test func batchNormKeepsRunningMoments() throws {
    let seed = printedSeed()
    for momentum in [BatchNorm.Momentum.share(0.3), .cumulative] {
      var options = BatchNorm.Options()
      options.momentum = momentum
      let norm = BatchNorm(3, options: options).initialized(seed: 1)
      #expect(
        names(norm) == [
          "weight": [3], "bias": [3], "running_mean": [3], "running_var": [3],
          "num_batches_tracked": [],
        ])
      var (means, variances) = ([Double](repeating: 0, count: 3), [Double](repeating: 1, count: 3))
      for batch in 1...4 {
        let x = Tensor.random([50, 3], seed: seed &+ UInt64(batch)) + 2
        var y = Tensor(0)
        _ = valueWithGradients(at: norm, randomness: RandomStream(seed: 1)) {
          y = norm(x)
          return sum(y)
        }
        let share: Double
        switch momentum {
        case .share(let fixed): share = fixed
        case .cumulative: share = 1 / Double(batch)
        }
        for column in 0..<3 {
          let values = (0..<50).map { Double(x[$0, column]) }
          let mean = values.reduce(0, +) / 50
          let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
          means[column] += share * (mean - means[column])
          variances[column] += share * (squares / 49 - variances[column])
          for (row, value) in values.enumerated() {
            let expected = (value - mean) / (squares / 50 + 1e-5).squareRoot()
            #expect(abs(Double(y[row, column]) - expected) < 1e-4)
          }
        }
        isClose(norm.runningMean!.value, means)
        isClose(norm.runningVariance!.value, variances)
        #expect(norm.batchCount!.value.scalar == Float(batch))
      }
      // Evaluation takes the running ones and leaves them.
      let y = norm(Tensor([[1, 2, 3]]))
      let expected = (0..<3).map { column in
        let deviation: Double = (variances[column] + 1e-5).squareRoot()
        return (Double(column + 1) - means[column]) / deviation
      }
      isClose(y, expected)
      let other = BatchNorm(3, options: options).initialized(seed: 9)
      try other.load(ModelState(decoding: norm.state.encoded()))
      #expect(other(Tensor([[1, 2, 3]])) == y)
      #expect(norm.initialized(seed: 1).runningMean!.value == .zeros([3]))
    }
  }

  @Test func gatedRecurrencesAreTheirEquations() {
    let cell = GRUCell(3, 2).initialized(seed: 1)
    #expect(
      names(cell) == ["weight_ih": [6, 3], "weight_hh": [6, 2], "bias_ih": [6], "bias_hh": [6]])
    let weights = Dictionary(uniqueKeysWithValues: cell.state.tensors.map { ($0.name, $0.value) })
    let (x, h) = (Tensor.random([4, 3], seed: 2), Tensor.random([4, 2], seed: 3))
    func gate(_ index: Int, _ unit: Int, _ row: Int) -> (Double, Double) {
      let place = index * 2 + unit
      func product(_ input: Tensor, _ kind: String) -> Double {
        (0..<input.shape[1]).reduce(Double(weights["bias_\(kind)"]![place])) {
          $0 + Double(input[row, $1]) * Double(weights["weight_\(kind)"]![place, $1])
        }
      }
      return (product(x, "ih"), product(h, "hh"))
    }
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let expected = (0..<4).flatMap { row in
      (0..<2).map { unit -> Double in
        let (r, z, n) = (gate(0, unit, row), gate(1, unit, row), gate(2, unit, row))
        let update = sigmoid(z.0 + z.1)
        let new = tanh(n.0 + sigmoid(r.0 + r.1) * n.1)
        return (1 - update) * new + update * Double(h[row, unit])
      }
    }
    isClose(cell(x, h), expected)
    checkGradients(of: cell, x) { cell($0, h) }

    // Over sequences, the cell's steps; of the layer above, over those of the layer below.
    let gru = GRU(3, 2, layers: 2).initialized(seed: 4)
    #expect(
      gru.namedParameters.map(\.path) == [
        "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_ih_l1", "weight_hh_l1",
        "bias_ih_l1", "bias_hh_l1",
      ])
    let sequence = Tensor.random([5, 4, 3], seed: 5)
    let (outputs, last) = gru(sequence)
    #expect(outputs.shape == [5, 4, 2] && last.shape == [2, 4, 2])
    var steps = (0..<5).map { place($0, of: sequence) }
    for layer in 0..<2 {
      let cell = GRUCell(steps[0].shape[1], 2)
      for (parameter, own) in zip(gru.parameters[(4 * layer)...], cell.parameters) {
        own.value = parameter.value
      }
      var h = Tensor.zeros([4, 2])
      steps = steps.map { step in
        h = cell(step, h)
        return h
      }
      isClose(place(layer, of: last), h.scalars.map(Double.init))
    }
    isClose(outputs, steps.flatMap { $0.scalars.map(Double.init) })
    checkGradients(of: gru, sequence) { gru($0).outputs }
    #expect(gru(.zeros([0, 4, 3])).outputs.shape == [0, 4, 2])
  }

  @Test func bothWaysAreOneMemoryOfEachOrder() throws {
    let both = BidirectionalLSTM(3, 2).initialized(seed: 5)
    let x = Tensor.random([4, 5, 3], seed: 6)
    let y = both(x)
    #expect(y.shape == [4, 5, 4])
    func half(_ reversed: Bool) throws -> LSTM {
      let lstm = LSTM(3, 2)
      let suffix = "_reverse"
      let own = both.state.tensors.filter { $0.name.hasSuffix(suffix) == reversed }
      try lstm.load(
        ModelState(
          tensors: own.map {
            (reversed ? String($0.name.dropLast(suffix.count)) : $0.name, $0.value)
          }
        ))
      return lstm
    }
    let backwards = stacked((0..<4).reversed().map { x.sliced($0..<$0 + 1, along: 0).squeezed(0) })
    let back = try half(true)(backwards).outputs
    let forth = try half(false)(x).outputs
    for step in 0..<4 {
      for row in 0..<5 {
        for column in 0..<2 {
          #expect(abs(y[step, row, column] - forth[step, row, column]) < 1e-6)
          #expect(abs(y[step, row, 2 + column] - back[3 - step, row, column]) < 1e-6)
        }
      }
    }
  }

  @Test func longShortTermMemoriesAreTheirEquations() {
    let cell = LSTMCell(3, 2).initialized(seed: 1)
    #expect(
      names(cell) == ["weight_ih": [8, 3], "weight_hh": [8, 2], "bias_ih": [8], "bias_hh": [8]])
    let weights = Dictionary(uniqueKeysWithValues: cell.state.tensors.map { ($0.name, $0.value) })
    let (x, h) = (Tensor.random([4, 3], seed: 2), Tensor.random([4, 2], seed: 3))
    let c = Tensor.random([4, 2], seed: 4)
    func gate(_ index: Int, _ unit: Int, _ row: Int) -> Double {
      let place = index * 2 + unit
      return [(x, "ih"), (h, "hh")].reduce(0) { sum, pair in
        (0..<pair.0.shape[1]).reduce(sum + Double(weights["bias_\(pair.1)"]![place])) {
          $0 + Double(pair.0[row, $1]) * Double(weights["weight_\(pair.1)"]![place, $1])
        }
      }
    }
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    var (hidden, cells): ([Double], [Double]) = ([], [])
    for row in 0..<4 {
      for unit in 0..<2 {
        let next =
          sigmoid(gate(1, unit, row)) * Double(c[row, unit])
          + sigmoid(gate(0, unit, row)) * tanh(gate(2, unit, row))
        cells.append(next)
        hidden.append(sigmoid(gate(3, unit, row)) * tanh(next))
      }
    }
    let next = cell(x, (h, c))
    isClose(next.hidden, hidden)
    isClose(next.cell, cells)
    checkGradients(of: cell, x) { cell($0, (h, c)).hidden }

    let lstm = LSTM(3, 2, layers: 2).initialized(seed: 4)
    let sequence = Tensor.random([5, 4, 3], seed: 5)
    let start = (
      hidden: Tensor.random([2, 4, 2], seed: 6), cell: Tensor.random([2, 4, 2], seed: 7)
    )
    let result = lstm(sequence, from: start)
    var steps = (0..<5).map { place($0, of: sequence) }
    for layer in 0..<2 {
      let cell = LSTMCell(steps[0].shape[1], 2)
      for (parameter, own) in zip(lstm.parameters[(4 * layer)...], cell.parameters) {
        own.value = parameter.value
      }
      var state = (place(layer, of: start.hidden), place(layer, of: start.cell))
      steps = steps.map { step in
        state = cell(step, state)
        return state.0
      }
      isClose(place(layer, of: result.hidden), state.0.scalars.map(Double.init))
      isClose(place(layer, of: result.cell), state.1.scalars.map(Double.init))
    }
    isClose(result.outputs, steps.flatMap { $0.scalars.map(Double.init) })
    checkGradients(of: lstm, sequence) { lstm($0).outputs }
  }

  @Test func attentionIsItsEquation() {
    let (rows, queries, keys, width, heads) = (2, 3, 5, 6, 2)
    let attention = MultiheadAttention(width, heads: heads).initialized(seed: 1)
    #expect(
      names(attention) == [
        "in_proj_weight": [18, 6], "in_proj_bias": [18], "out_proj.weight": [6, 6],
        "out_proj.bias": [6],
      ])
    attention.inputBias!.value = .random([18], seed: 2)
    let q = Tensor.random([rows, queries, width], seed: 3)
    let (k, v) = (
      Tensor.random([rows, keys, width], seed: 4), Tensor.random([rows, keys, width], seed: 5)
    )
    let present = Mask(
      [true, true, false, true, true, true, true, true, true, false], shape: [2, 5])
    let pairs = Mask((0..<15).map { $0 % 4 != 0 }, shape: [3, 5])
    let bias = Tensor.random([3, 5], seed: 6)
    func projected(_ x: Tensor, _ row: Int, _ place: Int, _ part: Int, _ unit: Int) -> Double {
      let line = part * width + unit
      return (0..<width).reduce(Double(attention.inputBias!.value[line])) {
        $0 + Double(x[row, place, $1]) * Double(attention.inputWeight.value[line, $1])
      }
    }
    for masked in [false, true] {
      var masks = MultiheadAttention.Masks()
      if masked { (masks.keys, masks.pairs, masks.bias) = (present, pairs, bias) }
      let (result, shares) = attention.attend(q, to: k, v, masks)
      #expect(shares.shape == [rows, heads, queries, keys])
      var expected: [Double] = []
      for row in 0..<rows {
        for query in 0..<queries {
          var mixed: [Double] = []
          for head in 0..<heads {
            let units = head * 3..<(head + 1) * 3
            var powers = (0..<keys).map { key -> Double in
              let product = units.reduce(0.0) {
                $0 + projected(q, row, query, 0, $1) * projected(k, row, key, 1, $1)
              }
              let isAllowed =
                !masked || (present.scalars[row * 5 + key] && pairs.scalars[query * 5 + key])
              return isAllowed
                ? exp(product / 3.0.squareRoot() + (masked ? Double(bias[query, key]) : 0)) : 0
            }
            let total = powers.reduce(0, +)
            powers = powers.map { $0 / total }
            for (key, share) in powers.enumerated() {
              #expect(abs(Double(shares[row, head, query, key]) - share) < 1e-5)
            }
            mixed += units.map { unit in
              powers.enumerated().reduce(0) {
                $0 + $1.element * projected(v, row, $1.offset, 2, unit)
              }
            }
          }
          expected += (0..<width).map { unit in
            mixed.enumerated().reduce(Double(attention.output.bias!.value[unit])) {
              $0 + $1.element * Double(attention.output.weight.value[unit, $1.offset])
            }
          }
        }
      }
      isClose(result, expected)
      checkGradients(of: attention, q) { attention($0, k, v, masks) }
    }
    // A query without any key gives numbers.
    var none = MultiheadAttention.Masks()
    none.pairs = Mask([Bool](repeating: false, count: 15), shape: [3, 5])
    #expect(attention(q, k, v, none).scalars.allSatisfy { $0.isFinite })
  }

  @Test func integersOfForeignStatesAreNumbers() throws {
    let header = #"{"num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> ($0 * 8)) }
    let state = try ModelState(decoding: length + Array(header.utf8) + [7, 1, 0, 0, 0, 0, 0, 0])
    #expect(state.tensors[0].value == Tensor(263))
  }
}
