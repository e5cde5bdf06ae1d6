import Glibc

extension NDTensor: CustomStringConvertible {
  /// The shape and the numbers, as PyTorch prints them: four digits behind the point, columns below
  /// each other, all in one notation; of more than 1,000 the first and last three of each axis.
  public var description: String {
    (Scalar.self == Float.self ? "Tensor" : "\(Scalar.self)Tensor")
      + array.text { shown in
        let format = NumberFormat(shown.map(Double.init))
        return { format.text(of: Double($0)) }
      }
  }
}

extension NDArray: CustomStringConvertible {
  /// The type, the shape and the elements; of more than 1,000 the first and last three of each axis.
  public var description: String { "NDArray<\(Element.self)>" + text { _ in { "\($0)" } } }

  /// The shape, and the elements as `format`, which is given those shown, says.
  fileprivate func text(_ format: ([Element]) -> (Element) -> String) -> String {
    guard count > 0 else { return "\(shape)" }
    let isSummarized = count > 1000
    let places = shape.map { extent in
      isSummarized && extent > 6
        ? [0, 1, 2, nil, extent - 3, extent - 2, extent - 1] : (0..<extent).map(Optional.some)
    }
    var shown: [Element] = []
    forEach(places, [], from: layout) { shown.append($0) }
    let texts = shown.map(format(shown))
    let width = texts.map(\.count).max() ?? 0
    let cells =
      shape.isEmpty ? texts : texts.map { String(repeating: " ", count: width - $0.count) + $0 }
    var next = cells.makeIterator()
    let body = nested(places[...], depth: 1) { next.next()! }
    return "\(shape)" + (body.contains("\n") ? "\n" : " ") + body
  }

  private func forEach(
    _ places: [[Int?]], _ index: [Int], from layout: Layout<Element>, _ body: (Element) -> Void
  ) {
    guard index.count < places.count else {
      body(layout.first[zip(index, layout.strides).reduce(0) { $0 + $1.0 * $1.1 }])
      return
    }
    for place in places[index.count] {
      if let place { forEach(places, index + [place], from: layout, body) }
    }
  }
}

/// Brackets around each stretch of the last axis, in lines of at most 80 characters, and around those of
/// the others.
private func nested(
  _ places: ArraySlice<[Int?]>, depth: Int, _ next: () -> String
) -> String {
  guard let axis = places.first else { return next() }
  let indent = String(repeating: " ", count: depth)
  if places.count == 1 {
    var (text, column) = ("[", depth)
    for (number, place) in axis.enumerated() {
      let cell = (place == nil ? "..." : next()) + (number == axis.count - 1 ? "]" : ",")
      if number > 0 && column + 1 + cell.count > 80 {
        text += "\n" + indent
        column = depth
      } else if number > 0 {
        text += " "
        column += 1
      }
      text += cell
      column += cell.count
    }
    return text
  }
  let parts = axis.map { $0 == nil ? "..." : nested(places.dropFirst(), depth: depth + 1, next) }
  let lines = String(repeating: "\n", count: places.count - 1)
  return "[" + parts.joined(separator: "," + lines + indent) + "]"
}

/// One notation for numbers that stand together: whole, with four digits behind the point, or with an
/// exponent where that would show too little.
private struct NumberFormat {
  private enum Notation { case whole, fixed, exponent }
  private let notation: Notation

  init(_ numbers: [Double]) {
    let sizes = numbers.filter { $0.isFinite && $0 != 0 }.map(\.magnitude)
    let (least, most) = (sizes.min() ?? 1, sizes.max() ?? 1)
    if sizes.allSatisfy({ $0 == $0.rounded() }) {
      notation = most > 1e8 ? .exponent : .whole
    } else {
      notation = most / least > 1000 || most > 1e8 || least < 1e-4 ? .exponent : .fixed
    }
  }

  func text(of number: Double) -> String {
    guard number.isFinite else { return number.isNaN ? "nan" : number < 0 ? "-inf" : "inf" }
    return switch notation {
    case .whole: Self.printed("%.0f.", number)
    case .fixed: Self.printed("%.4f", number)
    case .exponent: Self.printed("%.4e", number)
    }
  }

  private static func printed(_ format: String, _ number: Double) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      let length = withVaList([number]) { vsnprintf(buffer.baseAddress, 64, format, $0) }
      return String(
        decoding: buffer[..<Int(length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
