import HedgerowCore
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Functions, losses and optimizers against PyTorch's, read from the folder `HEDGEROW_GOLDEN`: values and
/// gradients of every file, with the arguments that its settings name. An operation or an argument that is
/// not known fails.
@Suite(
  .enabled(
    if: GoldenFile.folder != nil,
    "HEDGEROW_GOLDEN is not set: no reference values to compare with"))
struct GoldenTests {
  private static func files(_ kind: String) -> [String] {
    GoldenFile.names.filter { $0.hasPrefix("\(kind)_") }
  }

  @Test(arguments: files("Activation")) func activation(name: String) throws {
    let file = try GoldenFile(named: name)
    let activation = try file.activation()
    var inputs = ["x": file.input("x")]
    // A learned slope is an input or a parameter.
    let slope = ["in.weight", "param.weight"].first(where: file.isGiven)
    if let slope { inputs[slope == "in.weight" ? "weight" : slope] = Parameter(file[slope]) }
    let learned = slope.map { inputs[$0 == "in.weight" ? "weight" : $0]! }
    expectNone(
      file.differences(of: Nothing(), inputs, "y") {
        activation(inputs["x"]!.value, learned?.value)
      })
  }

  @Test(arguments: files("Loss")) func loss(name: String) throws {
    let file = try GoldenFile(named: name)
    // Targets of integers are labels, and get no gradient.
    let inputs = Dictionary(
      uniqueKeysWithValues: file.names(under: "in.").filter { !file.isInteger("in.\($0)") }
        .map { ($0, file.input($0)) })
    let loss = try file.loss()
    expectNone(file.differences(of: Nothing(), inputs, "y") { loss(inputs.mapValues(\.value)) })
  }

  @Test(arguments: files("Optimizer")) func optimizer(name: String) throws {
    let file = try GoldenFile(named: name)
    try expectNone(trajectoryDifferences(file, file.optimizer()))
  }

  private func trajectoryDifferences(_ file: GoldenFile, _ start: some Optimizer) -> [String] {
    var optimizer = start
    let model = One(w: file.input("w0"))
    let (c, t) = (file["in.c"], file["in.t"])
    let trajectory = file["out.trajectory"]
    return (0..<trajectory.shape[0]).flatMap { step in
      let (_, gradients) = valueWithGradients(at: model) {
        let w = model.w.value
        return sum(c * square(w - t)) + 0.1 * sum(pow(w, 4))
      }
      optimizer.update(model, along: gradients)
      let row = trajectory.gathered(rows: [UInt32(step)]).scalars
      return file.difference(
        model.w.value, from: "w after step \(step + 1)", of: Tensor(row, shape: t.shape))
    }
  }

  private func expectNone(
    _ differences: [String], location: SourceLocation = #_sourceLocation
  ) {
    #expect(
      differences.isEmpty, "\(differences.joined(separator: "\n"))", sourceLocation: location)
  }
}

private struct Nothing: Module {}
private struct One: Module { let w: Parameter }

extension GoldenFile {
  private func unknown() -> GoldenArguments.Unknown {
    GoldenArguments.Unknown(description: "\(name): there is no operation \(op)")
  }

  /// The function of the inputs, and of a learned slope, that the file is of.
  fileprivate func activation() throws -> (Tensor, Tensor?) -> Tensor {
    var arguments = GoldenArguments(self)
    func number(_ name: String, _ standard: Double) throws -> Double {
      try arguments.number(name, or: standard)
    }
    let function: (Tensor, Tensor?) -> Tensor
    func elementwise(_ activation: Activation) -> (Tensor, Tensor?) -> Tensor {
      { x, _ in activation(x) }
    }
    switch op {
    case "relu": function = elementwise(.relu)
    case "relu6": function = elementwise(.relu6)
    case "leaky_relu":
      function = try elementwise(.leakyRelu(slope: number("negative_slope", 0.01)))
    case "rrelu":
      let slope = try (number("lower", 1 / 8) + number("upper", 1 / 3)) / 2
      if try arguments.bool("training", or: false) { throw unknown() }
      function = elementwise(.leakyRelu(slope: slope))
    case "elu": function = try elementwise(.elu(alpha: number("alpha", 1)))
    case "selu": function = elementwise(.selu)
    case "celu": function = try elementwise(.celu(alpha: number("alpha", 1)))
    case "gelu":
      switch try arguments.string("approximate", or: "none") {
      case "none": function = elementwise(.gelu)
      case "tanh": function = elementwise(.geluTanh)
      default: throw unknown()
      }
    case "silu": function = elementwise(.silu)
    case "mish": function = elementwise(.mish)
    case "softplus":
      function = try elementwise(
        .softplus(beta: number("beta", 1), threshold: number("threshold", 20)))
    case "sigmoid": function = elementwise(.sigmoid)
    case "tanh": function = elementwise(.tanh)
    case "hardtanh":
      function = try elementwise(.hardtanh(min: number("min_val", -1), max: number("max_val", 1)))
    case "hardswish": function = elementwise(.hardswish)
    case "hardsigmoid": function = elementwise(.hardsigmoid)
    case "softsign": function = elementwise(.softsign)
    case "tanhshrink": function = elementwise(.tanhshrink)
    case "softshrink": function = try elementwise(.softshrink(lambda: number("lambd", 0.5)))
    case "hardshrink": function = try elementwise(.hardshrink(lambda: number("lambd", 0.5)))
    case "threshold":
      function = try elementwise(.threshold(number("threshold", 0), value: number("value", 0)))
    case "logsigmoid": function = elementwise(.logSigmoid)
    case "softmax", "log_softmax", "softmin":
      let axis = try Int(number("dim", -1))
      let functions: [String: @Sendable (Tensor, Int) -> Tensor] = [
        "softmax": { softmax($0, along: $1) }, "log_softmax": { logSoftmax($0, along: $1) },
        "softmin": { softmin($0, along: $1) },
      ]
      let named = functions[op]!
      function = { x, _ in named(x, axis) }
    case "glu":
      let axis = try Int(number("dim", -1))
      function = { x, _ in glu(x, along: axis) }
    case "prelu":
      let fixed = try arguments.numbers("weight", or: [0.25])
      function = { x, slope in prelu(x, slope: slope ?? Tensor(fixed.map { Float($0) })) }
    default: throw unknown()
    }
    try arguments.finish()
    return function
  }

  /// The loss, of the inputs by their names.
  fileprivate func loss() throws -> ([String: Tensor]) -> Tensor {
    var arguments = GoldenArguments(self)
    let reduction = try arguments.reduction()
    func number(_ name: String, _ standard: Double) throws -> Float {
      try Float(arguments.number(name, or: standard))
    }
    // PyTorch's names of what is compared.
    func named(_ names: String...) -> String { names.first { isGiven("in.\($0)") } ?? names[0] }
    let (x, x1, x2) = (named("x", "input"), named("x1", "input1"), named("x2", "input2"))
    let t = "target"
    let loss: ([String: Tensor]) -> Tensor
    switch op {
    case "cross_entropy":
      let weight = try arguments.tensor("weight")
      let smoothing = try arguments.number("label_smoothing", or: 0)
      let ignored = try Int32(arguments.number("ignore_index", or: -100))
      if isInteger("in.\(t)") {
        let labels = integers("in.\(t)").map { Int32($0) }
        loss = {
          crossEntropy(
            $0[x]!, labels, weight: weight, smoothing: smoothing, ignoring: ignored,
            reduction: reduction)
        }
      } else {
        loss = {
          crossEntropy(
            $0[x]!, probabilities: $0[t]!, weight: weight, smoothing: smoothing,
            reduction: reduction)
        }
      }
    case "nll_loss":
      let labels = integers("in.\(t)").map { Int32($0) }
      let weight = try arguments.tensor("weight")
      let ignored = try Int32(arguments.number("ignore_index", or: -100))
      loss = {
        nllLoss($0[x]!, labels, weight: weight, ignoring: ignored, reduction: reduction)
      }
    case "binary_cross_entropy":
      let weight = try arguments.tensor("weight")
      loss = {
        binaryCrossEntropy(
          $0[x]!, $0[t]!, weight: $0["weight"] ?? weight, reduction: reduction)
      }
    case "binary_cross_entropy_with_logits":
      let (weight, positive) = try (arguments.tensor("weight"), arguments.tensor("pos_weight"))
      loss = {
        binaryCrossEntropyWithLogits(
          $0[x]!, $0[t]!, weight: $0["weight"] ?? weight,
          positiveWeight: $0["pos_weight"] ?? positive, reduction: reduction)
      }
    case "mse_loss": loss = { mseLoss($0[x]!, $0[t]!, reduction: reduction) }
    case "l1_loss": loss = { l1Loss($0[x]!, $0[t]!, reduction: reduction) }
    case "smooth_l1_loss":
      let beta = try number("beta", 1)
      loss = { smoothL1Loss($0[x]!, $0[t]!, beta: beta, reduction: reduction) }
    case "huber_loss":
      let delta = try number("delta", 1)
      loss = { huberLoss($0[x]!, $0[t]!, delta: delta, reduction: reduction) }
    case "kl_div":
      let form: DivergenceTarget =
        try arguments.bool("log_target", or: false) ? .logarithms : .probabilities
      loss = { klDivLoss($0[x]!, $0[t]!, target: form, reduction: reduction) }
    case "poisson_nll_loss":
      let isLogarithm = try arguments.bool("log_input", or: true)
      let epsilon = try arguments.number("eps", or: 1e-8)
      let terms: LikelihoodTerms = try arguments.bool("full", or: false) ? .all : .varying
      loss = {
        poissonNLLLoss(
          $0[x]!, $0[t]!, predicting: isLogarithm ? .logarithm : .rate(epsilon: epsilon),
          terms: terms, reduction: reduction)
      }
    case "gaussian_nll_loss":
      let terms: LikelihoodTerms = try arguments.bool("full", or: false) ? .all : .varying
      let epsilon = try number("eps", 1e-6)
      let variance = named("var", "variance")
      loss = {
        gaussianNLLLoss(
          $0[x]!, $0[t]!, variance: $0[variance]!, terms: terms, epsilon: epsilon,
          reduction: reduction)
      }
    case "soft_margin_loss":
      loss = { softMarginLoss($0[x]!, $0[t]!, reduction: reduction) }
    case "hinge_embedding_loss":
      let (target, margin) = try (numbers(t), number("margin", 1))
      loss = { hingeEmbeddingLoss($0[x]!, target, margin: margin, reduction: reduction) }
    case "multilabel_soft_margin_loss":
      let (target, weight) = try (numbers(t), arguments.tensor("weight"))
      loss = {
        multilabelSoftMarginLoss(
          $0[x]!, target, weight: $0["weight"] ?? weight, reduction: reduction)
      }
    case "margin_ranking_loss":
      let (target, margin) = try (numbers(t), number("margin", 0))
      loss = { marginRankingLoss($0[x1]!, $0[x2]!, target, margin: margin, reduction: reduction) }
    case "cosine_embedding_loss":
      let (target, margin) = try (numbers(t), number("margin", 0))
      loss = {
        cosineEmbeddingLoss($0[x1]!, $0[x2]!, target, margin: margin, reduction: reduction)
      }
    case "triplet_margin_loss":
      var measure = TripletDistance()
      measure.margin = try arguments.number("margin", or: 1)
      measure.p = try arguments.number("p", or: 2)
      measure.epsilon = try arguments.number("eps", or: 1e-6)
      measure.swap = try arguments.bool("swap", or: false)
      let anchor = named("anchor", "x")
      loss = {
        tripletMarginLoss(
          $0[anchor]!, $0["positive"]!, $0["negative"]!, by: measure, reduction: reduction)
      }
    case "multi_margin_loss":
      let labels = integers("in.\(t)").map { Int32($0) }
      let (p, margin) = try (Int(number("p", 1)), number("margin", 1))
      let weight = try arguments.tensor("weight")
      loss = {
        multiMarginLoss(
          $0[x]!, labels, p: p, margin: margin, weight: weight, reduction: reduction)
      }
    case "multilabel_margin_loss":
      // A row's labels end at the first -1.
      let all = integers("in.\(t)").map { Int32($0) }
      let width = shape(of: "in.\(t)").last!
      let labels = stride(from: 0, to: all.count, by: width).map {
        Array(all[$0..<$0 + width].prefix { $0 >= 0 })
      }
      loss = { multilabelMarginLoss($0[x]!, labels, reduction: reduction) }
    default: throw unknown()
    }
    try arguments.finish()
    return loss
  }

  /// Numbers, even where the file has integers.
  private func numbers(_ input: String) -> Tensor {
    let path = "in.\(input)"
    return isInteger(path)
      ? Tensor(integers(path).map { Float($0) }, shape: shape(of: path)) : self[path]
  }

  fileprivate func optimizer() throws -> any Optimizer {
    var arguments = GoldenArguments(self)
    func number(_ name: String, _ standard: Double) throws -> Double {
      try arguments.number(name, or: standard)
    }
    let maximizes = try arguments.bool("maximize", or: false)
    let result: any Optimizer
    switch op {
    case "SGD":
      let momentum = try number("momentum", 0)
      let isNesterov = try arguments.bool("nesterov", or: false)
      var sgd = try SGD(
        learningRate: number("lr", 1e-3),
        momentum: momentum == 0 ? .none : isNesterov ? .nesterov(momentum) : .plain(momentum),
        weightDecay: number("weight_decay", 0))
      sgd.dampening = try number("dampening", 0)
      sgd.maximizes = maximizes
      result = sgd
    case "Adam", "AdamW", "SparseAdam":
      let betas = try arguments.numbers("betas", or: [0.9, 0.999])
      var settings = AdamW().settings
      settings.learningRate = try number("lr", 1e-3)
      settings.weightDecay = try number("weight_decay", op == "AdamW" ? 0.01 : 0)
      settings.epsilon = try number("eps", 1e-8)
      (settings.beta1, settings.beta2) = (betas[0], betas[1])
      let isDecoupled = try arguments.bool("decoupled_weight_decay", or: op == "AdamW")
      settings.decay = isDecoupled ? .decoupled : .inGradient
      if try arguments.bool("amsgrad", or: false) { settings.normalization = .largestRunningMean }
      settings.maximizes = maximizes
      if op == "SparseAdam" { settings.epsilonPlace = .beforeCorrection }
      var adam = Adam()
      adam.settings = settings
      result = adam
    case "Adagrad":
      var adagrad = Adagrad()
      adagrad.learningRate = try number("lr", 1e-2)
      adagrad.rateDecay = try number("lr_decay", 0)
      adagrad.weightDecay = try number("weight_decay", 0)
      adagrad.initialSum = try number("initial_accumulator_value", 0)
      adagrad.epsilon = try number("eps", 1e-10)
      adagrad.maximizes = maximizes
      result = adagrad
    case "RMSprop":
      var rmsprop = RMSprop()
      rmsprop.learningRate = try number("lr", 1e-2)
      rmsprop.alpha = try number("alpha", 0.99)
      rmsprop.epsilon = try number("eps", 1e-8)
      rmsprop.weightDecay = try number("weight_decay", 0)
      rmsprop.momentum = try number("momentum", 0)
      if try arguments.bool("centered", or: false) { rmsprop.normalization = .centered }
      rmsprop.maximizes = maximizes
      result = rmsprop
    default: throw unknown()
    }
    try arguments.finish()
    return result
  }
}
