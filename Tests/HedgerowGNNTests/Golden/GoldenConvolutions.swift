extension GoldenOperation {
  /// Layers that take features, edges, and what those bring along.
  static let convolutions: [GoldenConvolution] =
    neighborhoods + attentions + propagations + messageNetworks
}

/// A network of the layers that the tests of all layers build.
let exampleNetwork = "Sequential(\n(0): Linear(5, 8)\n(1): ReLU()\n(2): Linear(8, 4)\n)"
