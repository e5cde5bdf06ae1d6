import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// What brings the rows of a matrix to one scale.
  static let norms: [GoldenOperation] =
    normalizations.map(\.operation) + [
      typed(
        "HeteroBatchNorm", "in_channels num_types eps momentum affine track_running_stats",
        make: { a in
          HeteroBatchNorm(
            try a.required("in_channels"), types: try a.required("num_types"),
            options: try a.batchNorm())
        }, run: { norm, x, types in norm(x, types: types) }),
      typed(
        "HeteroLayerNorm", "in_channels num_types eps affine mode",
        make: { a in
          a.ignore("mode")
          return HeteroLayerNorm(
            try a.required("in_channels"), types: try a.required("num_types"),
            epsilon: Float(try a.number("eps", or: 1e-5)), affine: try a.affine(or: true))
        }, run: { norm, x, types in norm(x, types: types) }),
      GoldenOperation(name: "MessageNorm") { file in
        let arguments = try GoldenArguments(
          file.settings, of: "MessageNorm", signature: "learn_scale")
        let norm = MessageNorm(
          learning: try arguments.bool("learn_scale", or: false) ? .learned : .fixed)
        let p = Float(try arguments.number("p", or: 2))
        try arguments.finish()
        try norm.load(file.state)
        let (x, messages) = (file.input("x"), file.input("msg"))
        return file.differences(of: norm, ["x": x, "msg": messages], "y") {
          norm(x.value, messages: messages.value, p: p)
        }
      },
    ]

  /// One normalization: how it is built of its arguments in PyTorch Geometric.
  struct Normalization: Sendable {
    let name: String
    let signature: String
    let make: @Sendable (GoldenArguments) throws -> any GraphNormalization

    init(
      _ name: String, _ signature: String = "",
      make: @escaping @Sendable (GoldenArguments) throws -> any GraphNormalization
    ) {
      (self.name, self.signature, self.make) = (name, signature, make)
    }

    func norm(_ settings: [String: JSON]) throws -> any GraphNormalization {
      let arguments = try GoldenArguments(settings, of: name, signature: signature)
      arguments.ignore("device")
      let norm = try make(arguments)
      try arguments.finish()
      return norm
    }

    var operation: GoldenOperation {
      GoldenOperation(name: name) { file in
        let norm = try norm(file.settings)
        try norm.load(file.state)
        let x = file.input("x")
        let graphs = file.isGiven("in.batch") ? file.groups("in.batch") : nil
        return file.differences(of: norm, ["x": x], "y") { norm(x.value, in: graphs) }
      }
    }

    /// The normalization of a name, as PyTorch Geometric resolves it: `batch_norm`, `GraphNorm`, `layer`.
    static func named(
      _ name: String, width: Int, _ settings: [String: JSON]
    ) throws -> any GraphNormalization {
      func plain(_ name: String) -> String { name.lowercased().filter(\.isLetter) }
      guard
        let row = normalizations.first(where: {
          [plain($0.name), String(plain($0.name).dropLast("norm".count))].contains(plain(name))
        })
      else { throw GoldenArguments.Unknown(description: "no normalization \(name)") }
      return try row.norm(["args": .array([.number(Double(width))]), "kwargs": .object(settings)])
    }
  }

  static let normalizations: [Normalization] = [
    Normalization(
      "BatchNorm", "in_channels eps momentum affine track_running_stats allow_single_element"
    ) { a in
      GraphBatchNorm(
        try a.required("in_channels"), options: try a.batchNorm(),
        singleNode: try a.bool("allow_single_element", or: false) ? .byRunningMoments : .rejected)
    },
    Normalization("LayerNorm", "in_channels eps affine mode") { a in
      var options = GraphLayerNorm.Options()
      options.epsilon = Float(try a.number("eps", or: 1e-5))
      options.affine = try a.affine(or: true)
      options.mode = try a.string("mode", or: "graph") == "graph" ? .graph : .node
      return GraphLayerNorm(try a.required("in_channels"), options: options)
    },
    Normalization("InstanceNorm", "in_channels eps momentum affine track_running_stats") { a in
      var options = InstanceNorm.Options()
      options.epsilon = Float(try a.number("eps", or: 1e-5))
      options.momentum = try a.number("momentum", or: 0.1)
      options.affine = try a.affine(or: false)
      options.running = try a.bool("track_running_stats", or: false)
      return InstanceNorm(try a.required("in_channels"), options: options)
    },
    Normalization("GraphNorm", "in_channels eps") { a in
      GraphNorm(try a.required("in_channels"), epsilon: Float(try a.number("eps", or: 1e-5)))
    },
    Normalization("GraphSizeNorm") { _ in GraphSizeNorm() },
    Normalization("MeanSubtractionNorm") { _ in MeanSubtractionNorm() },
    Normalization("PairNorm", "scale scale_individually eps") { a in
      var options = PairNorm.Options()
      options.scale = Float(try a.number("scale", or: 1))
      options.scaling = try a.bool("scale_individually", or: false) ? .individual : .common
      options.epsilon = Float(try a.number("eps", or: 1e-5))
      return PairNorm(options: options)
    },
    Normalization(
      "DiffGroupNorm", "in_channels groups lamda eps momentum affine track_running_stats"
    ) { a in
      DiffGroupNorm(
        try a.required("in_channels"), groups: try a.required("groups"),
        balance: Float(try a.number("lamda", or: 0.01)), options: try a.batchNorm())
    },
  ]

  /// A normalization that takes the type of each row.
  private static func typed<Norm: Module>(
    _ name: String, _ signature: String,
    make: @escaping @Sendable (GoldenArguments) throws -> Norm,
    run: @escaping @Sendable (Norm, Tensor, [UInt32]) -> Tensor
  ) -> GoldenOperation {
    GoldenOperation(name: name) { file in
      let arguments = try GoldenArguments(file.settings, of: name, signature: signature)
      arguments.ignore("device")
      let norm = try make(arguments)
      try arguments.finish()
      try norm.load(file.state)
      let x = file.input("x")
      let path = ["in.type_vec", "in.type", "in.node_type", "in.batch"].first(
        where: file.isGiven)
      guard let path else { throw GoldenArguments.Unknown(description: "no types of rows") }
      let types = file.integers(path).map { UInt32($0) }
      return file.differences(of: norm, ["x": x], "y") { run(norm, x.value, types) }
    }
  }
}

extension GoldenArguments {
  fileprivate func affine(or standard: Bool) throws -> NormalizationAffine {
    try bool("affine", or: standard) ? .learned : .absent
  }

  fileprivate func batchNorm() throws -> BatchNorm.Options {
    var options = BatchNorm.Options()
    options.epsilon = Float(try number("eps", or: 1e-5))
    options.momentum = isNone("momentum") ? .cumulative : .share(try number("momentum", or: 0.1))
    options.affine = try bool("affine", or: true)
    options.running = try bool("track_running_stats", or: true)
    return options
  }
}

extension GoldenFile {
  /// Which graph each row is of.
  func groups(_ path: String) -> RowGroups {
    let groups = integers(path).map { UInt32($0) }
    return RowGroups(groups, count: (groups.max().map { Int($0) } ?? -1) + 1)
  }
}
