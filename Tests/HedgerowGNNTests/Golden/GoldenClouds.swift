import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Models of clouds of points.
  static let clouds: [GoldenOperation] = [
    pointNet("PointNet2") { outputs, options in
      let model = PointNet2(outputs: outputs, options: options)
      return (model, { model($0) })
    },
    pointNet("PointNet2Segmentation") { outputs, options in
      let model = PointNet2Segmentation(outputs: outputs, options: options)
      return (model, { model($0) })
    },
    GoldenOperation(name: "DGCNN") { file in
      let a = try GoldenArguments(file.settings, of: "DGCNN", signature: "")
      var options = DGCNN.Options()
      options.width = try a.required("width")
      options.neighbors = try a.required("k")
      let model = DGCNN(3, outputs: try a.required("outputs"), options: options)
      try a.finish()
      try model.load(file.state)
      let (places, clouds) = (file.input("pos"), file.groups("in.batch"))
      return file.differences(of: model, ["pos": places], "y") { model(places.value, in: clouds) }
    },
  ]

  private static func pointNet(
    _ name: String,
    _ make:
      @escaping @Sendable (Int, PointNet2.Options) -> (any Module, (PointClouds) -> Tensor)
  ) -> GoldenOperation {
    GoldenOperation(name: name) { file in
      let a = try GoldenArguments(file.settings, of: name, signature: "")
      var options = PointNet2.Options()
      options.width = try a.required("width")
      options.featureWidth = try a.required("features")
      guard let radii = try a.take("radii", { $0.array?.compactMap(\.number) }), radii.count == 2
      else { throw GoldenArguments.Unknown(description: "\(name) needs two radii") }
      options.radii = (Float(radii[0]), Float(radii[1]))
      let (model, run) = make(try a.required("outputs"), options)
      try a.finish()
      try model.load(file.state)
      let clouds = file.groups("in.batch")
      var inputs = ["pos": file.input("pos")]
      if file.isGiven("in.x") { inputs["x"] = file.input("x") }
      return file.differences(of: model, inputs, "y") {
        run(PointClouds(inputs["x"]?.value, places: inputs["pos"]!.value, in: clouds))
      }
    }
  }
}
