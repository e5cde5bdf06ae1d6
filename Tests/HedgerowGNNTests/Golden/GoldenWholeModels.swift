import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Models of graphs, of molecules and of events.
  static let wholeModels: [GoldenOperation] = [
    GoldenOperation(name: "GAE") { file in
      let widths = try file.widths(4)
      let model = GAE(
        encoder: GCN(widths[0], widths[1], layers: widths[2], outputs: widths[3]))
      try model.load(file.state)
      let (x, block, others) = (file.input("x"), file.graph("in.x"), file.pairs("others"))
      return file.differences(of: model, ["x": x]) {
        let z = model(x.value, block)
        return ["z": z, "loss": model.loss(of: NodePairs(edgesOf: block), against: others, z)]
      }
    },
    GoldenOperation(name: "VGAE") { file in
      let widths = try file.widths(3)
      let model = VGAE(encoder: VariationalGCN(widths[0], widths[1], outputs: widths[2]))
      try model.load(file.state)
      let (x, block, others) = (file.input("x"), file.graph("in.x"), file.pairs("others"))
      return file.differences(of: model, ["x": x]) {
        let nodes = model.encoder(x.value, block)
        return [
          "z": nodes.sample(), "divergence": nodes.divergence,
          "loss": model.loss(of: NodePairs(edgesOf: block), against: others, nodes),
        ]
      }
    },
    GoldenOperation(name: "DeepGraphInfomax") { file in
      let widths = try file.widths(2)
      let model = DeepGraphInfomax(
        encoder: GCN(widths[0], widths[1], layers: 1), width: widths[1])
      try model.load(file.state)
      let (x, shuffled, block) = (file.input("x"), file.input("x_shuffled"), file.graph("in.x"))
      return file.differences(of: model, ["x": x, "x_shuffled": shuffled]) {
        let views = model.views(x.value, shuffled: shuffled.value, block)
        return [
          "real": views.real, "shuffled": views.shuffled, "summary": views.summary,
          "loss": model.loss(of: views),
        ]
      }
    },
    GoldenOperation(name: "LINKX") { file in
      let a = try GoldenArguments(
        file.settings, of: "LINKX",
        signature: "num_nodes in_channels hidden_channels out_channels num_layers "
          + "num_edge_layers num_node_layers dropout")
      var options = LINKX.Options()
      options.layers = try a.required("num_layers")
      options.edgeLayers = try a.int("num_edge_layers", or: 1)
      options.nodeLayers = try a.int("num_node_layers", or: 1)
      a.ignore("dropout")
      let count = try a.required("num_nodes")
      let model = LINKX(
        nodes: count, width: try a.required("in_channels"),
        hiddenWidth: try a.required("hidden_channels"), outputs: try a.required("out_channels"),
        options: options)
      try a.finish()
      try model.load(file.state)
      let block = file.block("edge_index", sources: count, targets: count)
      var inputs: [String: Parameter] = [:]
      for name in ["x", "edge_weight"] where file.isGiven("in.\(name)") {
        inputs[name] = file.input(name)
      }
      return file.differences(of: model, inputs, "y") {
        model(
          inputs["x"]?.value, block,
          weights: inputs["edge_weight"]?.value.gathered(rows: block.edges))
      }
    },
    GoldenOperation(name: "SIGN") { file in
      let widths = try file.widths(4)
      let model = SIGN(widths[0], widths[1], hops: widths[2], outputs: widths[3])
      try model.load(file.state)
      let hops = SIGN.hops(of: file["in.x"], widths[2], along: file.graph("in.x"))
      return file.difference(concatenated(hops), from: "out.hops")
        + file.differences(of: model, [:], "y") { model(hops) }
    },
    GoldenOperation(name: "GraphUNet") { file in
      let a = try GoldenArguments(
        file.settings, of: "GraphUNet",
        signature: "in_channels hidden_channels out_channels depth pool_ratios sum_res act")
      var options = GraphUNet.Options()
      let ratio = try a.number("pool_ratios", or: 0.5)
      options.kept = ratio >= 1 ? .count(Int(ratio)) : .ratio(ratio)
      options.skip = try a.bool("sum_res", or: true) ? .added : .concatenated
      options.activation = try a.activation("act", or: "relu")
      let model = GraphUNet(
        try a.required("in_channels"), try a.required("hidden_channels"),
        outputs: try a.required("out_channels"), depth: try a.required("depth"),
        options: options)
      try a.finish()
      try model.load(file.state)
      let (x, block) = (file.input("x"), file.graph("in.x"))
      let graphs = file.isGiven("in.batch") ? file.groups("in.batch") : nil
      return file.differences(of: model, ["x": x], "y") { model(x.value, block, in: graphs) }
    },
    GoldenOperation(name: "SchNet") { file in
      let a = try GoldenArguments(file.settings, of: "SchNet", signature: "")
      var options = SchNet.Options()
      options.hiddenWidth = try a.required("hidden_channels")
      options.filters = try a.required("num_filters")
      options.interactions = try a.required("num_interactions")
      options.gaussians = try a.required("num_gaussians")
      options.cutoff = Float(try a.number("cutoff", or: 10))
      options.neighborLimit = 100
      options.readout = try a.string("readout", or: "add") == "mean" ? .mean : .sum
      if let mean = try a.number("mean"), let deviation = try a.number("std") {
        options.scaling = (Float(deviation), Float(mean))
      }
      if try a.bool("atomref", or: false) {
        options.references = [Float](repeating: 0, count: 100)
      }
      let model = SchNet(options: options)
      try a.finish()
      try model.load(file.state)
      let (atoms, places) = (file.integers("in.z").map { UInt32($0) }, file.input("pos"))
      let molecules = file.groups("in.batch")
      return file.differences(of: model, ["pos": places], "y") {
        model(atoms, places: places.value, in: molecules)
      }
    },
    GoldenOperation(name: "GraphGPS") { file in
      let a = try GoldenArguments(
        file.settings, of: "GraphGPS",
        signature: "width encoding channels encoded layers outputs heads")
      var options = GraphGPS.Options()
      options.hiddenWidth = try a.required("channels")
      options.encodedWidth = try a.required("encoded")
      options.layers = try a.required("layers")
      options.layer.heads = try a.int("heads", or: 1)
      let model = GraphGPS(
        try a.required("width"), encodingWidth: try a.required("encoding"),
        outputs: try a.required("outputs"), options: options)
      try a.finish()
      try model.load(file.state)
      let (x, encodings, block) = (file.input("x"), file.input("encoding"), file.graph("in.x"))
      let graphs = file.groups("in.batch")
      return file.differences(of: model, ["x": x, "encoding": encodings], "y") {
        model(x.value, encodings: encodings.value, block, in: graphs)
      }
    },
    GoldenOperation(name: "TGNMemory") { file in
      let a = try GoldenArguments(
        file.settings, of: "TGNMemory", signature: "num_nodes raw_msg_dim memory_dim time_dim")
      let name = try a.string("aggr", or: "last")
      guard let aggregation = TGNMemory.EventAggregation(rawValue: name) else {
        throw a.unknown("aggr", .string(name))
      }
      let isTraining = try a.bool("training", or: true)
      let model = TGNMemory(
        nodes: try a.required("num_nodes"), messageWidth: try a.required("raw_msg_dim"),
        width: try a.required("memory_dim"), timeWidth: try a.required("time_dim"),
        aggregation: aggregation)
      try a.finish()
      // Its buffers are what comes after the events.
      let end = file.state.tensors.filter { $0.name != "_assoc" }
      try model.load(ModelState(tensors: end))
      model.reset()
      for step in 0..<3 {
        func numbers(_ name: String) -> [UInt32] {
          file.integers("in.\(name)\(step)").map { UInt32($0) }
        }
        model.update(
          with: Interactions(
            sources: numbers("sources"), targets: numbers("targets"),
            times: numbers("times").map { Float($0) }, messages: file["in.messages\(step)"]),
          isTraining ? .rowsFirst : .eventsFirst)
      }
      let nodes = file.integers("in.nodes").map { UInt32($0) }
      var differences = model.namedBuffers.flatMap { path, buffer in
        file.difference(buffer.value, from: path, of: end.first { $0.name == path }!.value)
      }
      let randomness = isTraining ? RandomStream(seed: 1) : nil
      var times: [Float] = []
      let parameters = model.parameters
      let (_, gradients) = valueWithGradients(at: parameters, randomness: randomness) {
        let (rows, last) = model(nodes)
        times = last
        differences += file.difference(rows, from: "out.y")
        return sum(rows * file["cotangent.y"])
      }
      if times.map({ Int64($0) }) != file.integers("out.times") {
        differences.append("\(file.name): times are \(times)")
      }
      for (path, parameter) in model.namedParameters where file.isGiven("grad.param.\(path)") {
        differences += file.difference(
          gradients[parameter] ?? .zeros(parameter.shape), from: "grad.param.\(path)")
      }
      return differences
    },
  ]
}

extension GoldenFile {
  /// Arguments that are so many widths.
  fileprivate func widths(_ count: Int) throws -> [Int] {
    let widths = (settings["args"]?.array ?? []).compactMap { $0.number.map { Int($0) } }
    guard widths.count == count else {
      throw GoldenArguments.Unknown(description: "\(op) of \(settings)")
    }
    return widths
  }
}
