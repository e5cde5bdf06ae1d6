extension NDTensor: CustomStringConvertible {
  /// The shape, and the first and last elements of each dimension.
  public var description: String {
    var text = "Tensor\(shape)"
    if Scalar.self != Float.self { text = "\(Scalar.self)\(text)" }
    guard count > 0 else { return text }
    return text + " " + Self.format(scalars[...], shape[...], indent: "")
  }

  private static func format(
    _ scalars: ArraySlice<Scalar>, _ shape: ArraySlice<Int>, indent: String
  ) -> String {
    guard let extent = shape.first else { return "\(scalars.first!)" }
    let inner = shape.dropFirst()
    let width = scalars.count / extent
    let shown = extent <= 8 ? Array(0..<extent) : [0, 1, 2, -1, extent - 2, extent - 1]
    let parts = shown.map { index in
      index < 0
        ? "..."
        : format(scalars.dropFirst(index * width).prefix(width), inner, indent: indent + " ")
    }
    return "[" + parts.joined(separator: inner.isEmpty ? ", " : ",\n\(indent) ") + "]"
  }
}
