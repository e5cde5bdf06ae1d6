import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

/// One aggregator: how it is built of its arguments in PyTorch Geometric.
struct GoldenAggregator: Sendable {
  let name: String
  let signature: String
  /// Of its arguments, and the width of the rows, where that is not among them.
  let make: @Sendable (GoldenArguments, Int?) throws -> any Aggregator

  init(
    _ name: String, _ signature: String = "",
    make: @escaping @Sendable (GoldenArguments, Int?) throws -> any Aggregator
  ) {
    (self.name, self.signature, self.make) = (name, signature, make)
  }

  func aggregator(_ settings: [String: JSON], width: Int?) throws -> any Aggregator {
    let arguments = try GoldenArguments(settings, of: name, signature: signature)
    let aggregator = try make(arguments, width)
    try arguments.finish()
    return aggregator
  }

  var operation: GoldenOperation {
    GoldenOperation(name: name) { file in
      let x = file.input("x")
      let aggregator = try aggregator(file.settings, width: x.shape[1])
      try aggregator.load(file.state)
      let groups = RowGroups(
        file.integers("in.index").map { UInt32($0) }, count: file["out.y"].shape[0])
      return file.differences(of: aggregator, ["x": x], "y") { aggregator(x.value, in: groups) }
    }
  }

  /// The aggregator that PyTorch Geometric makes of an argument `aggr`: of a name, of several, or of one as
  /// Python prints it.
  static func resolved(
    _ query: JSON, _ settings: [String: JSON], width: Int?
  ) throws -> any Aggregator {
    if case .array = query {
      var settings = settings
      settings["aggrs"] = query
      return try row(of: "multi").aggregator(["kwargs": .object(settings)], width: width)
    }
    let text = query.string ?? ""
    if text.hasSuffix(")"), let printed = try? PrintedModule(text) {
      return try row(of: printed.name).aggregator(printed.settings, width: width)
    }
    return try row(of: text).aggregator(["kwargs": .object(settings)], width: width)
  }

  private static func row(of name: String) throws -> GoldenAggregator {
    func plain(_ name: String) -> String { name.lowercased().filter(\.isLetter) }
    let wanted = name == "add" ? "sum" : plain(name)
    let row = GoldenOperation.aggregators.first {
      [plain($0.name), plain($0.name) + "aggregation"].contains(where: { known in
        known == wanted || known == wanted + "aggregation"
      })
    }
    guard let row else { throw GoldenArguments.Unknown(description: "no aggregation \(name)") }
    return row
  }
}

extension GoldenOperation {
  static var aggregations: [GoldenOperation] { aggregators.map(\.operation) }

  /// What makes one row of the rows of each segment.
  static let aggregators: [GoldenAggregator] = [
    GoldenAggregator("SumAggregation") { _, _ in Aggregation.sum },
    GoldenAggregator("MeanAggregation") { _, _ in Aggregation.mean },
    GoldenAggregator("MaxAggregation") { _, _ in Aggregation.max },
    GoldenAggregator("MinAggregation") { _, _ in Aggregation.min },
    GoldenAggregator("MulAggregation") { _, _ in Aggregation.product },
    GoldenAggregator("VarAggregation", "semi_grad") { a, _ in
      if try a.bool("semi_grad", or: false) { return VarianceAggregation(gradient: .half) }
      return Aggregation.variance
    },
    GoldenAggregator("StdAggregation", "semi_grad") { a, _ in
      if try a.bool("semi_grad", or: false) {
        return StandardDeviationAggregation(gradient: .half)
      }
      return Aggregation.standardDeviation
    },
    GoldenAggregator("VariancePreservingAggregation") { _, _ in VariancePreservingAggregation() },
    GoldenAggregator("SoftmaxAggregation", "t learn semi_grad channels") { a, _ in
      var options = SoftmaxAggregation.Options()
      options.inverseTemperature = Float(try a.number("t", or: 1))
      options.learning = try a.learnedNumber()
      options.gradient = try a.bool("semi_grad", or: false) ? .half : .full
      return SoftmaxAggregation(options: options)
    },
    GoldenAggregator("PowerMeanAggregation", "p learn channels clamp_min clamp_max") { a, _ in
      var options = PowerMeanAggregation.Options()
      options.power = Float(try a.number("p", or: 1))
      options.learning = try a.learnedNumber()
      options.smallest = try a.bound("clamp_min", or: 1e-4)
      options.largest = try a.bound("clamp_max", or: 100)
      return PowerMeanAggregation(options: options)
    },
    GoldenAggregator("QuantileAggregation", "q interpolation fill_value") { a, _ in
      var options = QuantileAggregation.Options()
      let name = try a.string("interpolation", or: "linear")
      guard let interpolation = QuantileInterpolation(rawValue: name) else {
        throw a.unknown("interpolation", .string(name))
      }
      options.interpolation = interpolation
      options.fill = Float(try a.number("fill_value", or: 0))
      let quantiles = try a.take("q") { json in
        (json.array ?? [json]).map(\.number) as? [Double]
      }
      return QuantileAggregation(quantiles ?? [], options: options)
    },
    GoldenAggregator("MedianAggregation", "fill_value") { a, _ in
      MedianAggregation(fill: Float(try a.number("fill_value", or: 0)))
    },
    GoldenAggregator(
      "LSTMAggregation", "in_channels out_channels"
    ) { a, width in
      let (input, output, layers, bias) = try a.recurrent(width)
      return LSTMAggregation(input, output, layers: layers, bias: bias)
    },
    GoldenAggregator("GRUAggregation", "in_channels out_channels") { a, width in
      let (input, output, layers, bias) = try a.recurrent(width)
      return GRUAggregation(input, output, layers: layers, bias: bias)
    },
    GoldenAggregator("Set2Set", "in_channels processing_steps") { a, width in
      let (input, _, layers, bias) = try a.recurrent(width)
      return Set2Set(input, steps: try a.required("processing_steps"), layers: layers, bias: bias)
    },
    GoldenAggregator("AttentionalAggregation", "gate_nn nn") { a, _ in
      guard let gate = try a.network("gate_nn") else { throw a.unknown("gate_nn", .null) }
      return AttentionalAggregation(gate: gate, network: try a.network("nn"))
    },
    GoldenAggregator("DeepSetsAggregation", "local_nn global_nn") { a, _ in
      DeepSetsAggregation(local: try a.network("local_nn"), global: try a.network("global_nn"))
    },
    GoldenAggregator("SortAggregation", "k") { a, _ in SortAggregation(k: try a.required("k")) },
    GoldenAggregator(
      "SetTransformerAggregation",
      "channels num_seed_points num_encoder_blocks num_decoder_blocks heads concat layer_norm "
        + "dropout"
    ) { a, _ in
      var options = SetTransformerAggregation.Options()
      options.seeds = try a.int("num_seed_points", or: 1)
      options.encoderBlocks = try a.int("num_encoder_blocks", or: 1)
      options.decoderBlocks = try a.int("num_decoder_blocks", or: 1)
      options.heads = try a.int("heads", or: 1)
      options.seedResults = try a.bool("concat", or: true) ? .concatenated : .averaged
      options.layerNorm = try a.bool("layer_norm", or: false) ? .present : .absent
      a.ignore("dropout")
      return SetTransformerAggregation(try a.required("channels"), options: options)
    },
    GoldenAggregator(
      "GraphMultisetTransformer", "channels k num_encoder_blocks heads layer_norm dropout"
    ) { a, _ in
      var options = GraphMultisetTransformer.Options()
      options.encoderBlocks = try a.int("num_encoder_blocks", or: 1)
      options.heads = try a.int("heads", or: 1)
      options.layerNorm = try a.bool("layer_norm", or: false) ? .present : .absent
      a.ignore("dropout")
      return GraphMultisetTransformer(
        try a.required("channels"), k: try a.required("k"), options: options)
    },
    GoldenAggregator("DegreeScalerAggregation", "aggr scaler deg train_norm aggr_kwargs") {
      a, width in
      let settings = try a.object("aggr_kwargs")
      guard let query = a.json("aggr") else { throw a.unknown("aggr", .null) }
      let scalers = try (try a.strings("scaler") ?? []).map { name in
        guard let scaler = DegreeScaler(rawValue: name) else {
          throw a.unknown("scaler", .string(name))
        }
        return scaler
      }
      // What it makes of degrees is in the state.
      a.ignore("deg")
      let learning = try a.bool("train_norm", or: false) ? DegreeMeans.Learning.learned : .fixed
      return DegreeScalerAggregation(
        try GoldenAggregator.resolved(query, settings, width: width), scalers: scalers,
        means: DegreeMeans(histogram: [1], learning: learning))
    },
    GoldenAggregator("MultiAggregation", "aggrs aggrs_kwargs mode mode_kwargs") { a, width in
      let queries = a.json("aggrs")?.array ?? []
      let settings = a.json("aggrs_kwargs")?.array ?? []
      let parts = try queries.enumerated().map { index, query in
        let own: [String: JSON]
        if index < settings.count, case .object(let given) = settings[index] {
          own = given
        } else {
          own = [:]
        }
        return try GoldenAggregator.resolved(query, own, width: width)
      }
      return MultiAggregation(parts, combining: try a.combination(of: queries.count))
    },
  ]
}

extension GoldenArguments {
  /// The argument `aggr` of a layer, with its own arguments.
  ///
  /// - Parameter width: of what it aggregates.
  func aggregator(or standard: String, width: Int?) throws -> any Aggregator {
    try GoldenAggregator.resolved(
      json("aggr") ?? .string(standard), try object("aggr_kwargs"), width: width)
  }

  func object(_ name: String) throws -> [String: JSON] {
    try take(name) { if case .object(let values) = $0 { values } else { nil } } ?? [:]
  }

  fileprivate func learnedNumber() throws -> LearnedNumber {
    let (isLearned, channels) = (try bool("learn", or: false), try int("channels", or: 1))
    return !isLearned ? .fixed : channels == 1 ? .learned : .learnedPerColumn(channels)
  }

  /// `None` is no bound, and nothing the standard one.
  fileprivate func bound(_ name: String, or standard: Float) throws -> Float? {
    isNone(name) ? nil : Float(try number(name, or: Double(standard)))
  }

  fileprivate func recurrent(
    _ width: Int?
  ) throws -> (input: Int, output: Int, layers: Int, bias: Linear.Bias) {
    guard let input = try int("in_channels") ?? width else {
      throw Unknown(description: "\(name) needs in_channels")
    }
    ignore("dropout", "batch_first")
    return (
      input, try int("out_channels") ?? input, try int("num_layers", or: 1),
      try bool("bias", or: true) ? .learned : .absent
    )
  }

  fileprivate func combination(of count: Int) throws -> MultiAggregation.Combination {
    let settings = try GoldenArguments(
      ["kwargs": .object(try object("mode_kwargs"))], of: "mode_kwargs", signature: "")
    func widths() throws -> [Int] {
      let widths = try settings.ints("in_channels") ?? []
      return widths.count == 1 ? [Int](repeating: widths[0], count: count) : widths
    }
    let mode = try string("mode", or: "cat")
    let combination: MultiAggregation.Combination
    switch mode {
    case "cat": combination = .concatenated
    case "sum": combination = .sum
    case "mean": combination = .mean
    case "max": combination = .max
    case "min": combination = .min
    case "logsumexp": combination = .logSumExp
    case "std": combination = .standardDeviation
    case "var": combination = .variance
    case "proj":
      combination = .projected(
        from: try widths(), to: try settings.required("out_channels"),
        bias: try settings.bool("bias", or: true) ? .learned : .absent)
    case "attn":
      combination = .attended(
        from: try widths(), to: try settings.required("out_channels"),
        heads: try settings.int("num_heads", or: 1))
    default: throw unknown("mode", .string(mode))
    }
    try settings.finish()
    return combination
  }
}
