import HedgerowCore

/// Writes a NumPy array row by row; how many rows it has, its header says at the end.
struct NPYWriter {
  /// NumPy's name of an element's type, as `<f4`.
  let element: String
  /// The second dimension; `nil` for an array of one dimension.
  let width: Int?
  let file: OutputFile

  private static let headerByteCount = 128

  init(_ element: String, width: Int?, to file: OutputFile) throws {
    self.element = element
    self.width = width
    self.file = file
    for byte: UInt8 in [0x93] { try file.append(byte: byte) }
    try file.append("NUMPY")
    for byte: UInt8 in [1, 0, UInt8(Self.headerByteCount - 10), 0] { try file.append(byte: byte) }
    try file.append(header(0, width))
  }

  private func header(_ rowCount: Int, _ width: Int?) -> String {
    let shape = width.map { "(\(rowCount), \($0))" } ?? "(\(rowCount),)"
    let text = "{'descr': '\(element)', 'fortran_order': False, 'shape': \(shape), }"
    return text + String(repeating: " ", count: Self.headerByteCount - 11 - text.utf8.count) + "\n"
  }

  func append<T: BitwiseCopyable>(_ value: T) throws {
    try withUnsafeBytes(of: value) { try file.append($0) }
  }

  /// - Parameter rowCount: what the array's first dimension is.
  func finish(_ rowCount: Int) throws { try finish(rows: rowCount, width: width) }

  /// Ends an array whose width, too, is known at the end only.
  func finish(rows rowCount: Int, width: Int?) throws {
    try file.replace(at: 10, with: header(rowCount, width))
    file.rowCount = rowCount
  }
}
