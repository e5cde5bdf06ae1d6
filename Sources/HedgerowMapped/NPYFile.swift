import Glibc
public import HedgerowCore

/// A NumPy array on disk, read a stretch of rows at a time.
///
/// ```swift
/// let file = try NPYFile(path: "features.npy")
/// try file.read(rows: 0..<1024, into: buffer)
/// ```
/// Accepted are arrays of one or two dimensions, in C or Fortran order, of either byte order, whose
/// elements are bool, integers of 8 to 64 bits or float16, float32 and float64, in container versions 1
/// to 3. Unsigned integers of 16, 32 and 64 bits are handed out as int32, int64 and int64. The header is
/// checked against the file's length, so that no row can be missing later.
///
/// - Complexity: opening reads the header only; `read` one `pread` of just the rows, or one for each
///   column in Fortran order.
public final class NPYFile: Sendable {
  public let path: String
  /// What messages call the file.
  public let name: String
  /// What elements are handed out as.
  public let element: PropertyKind
  /// The first dimension.
  public let rowCount: Int
  /// The second dimension; `nil` for an array of one dimension.
  public let columnCount: Int?
  /// Bytes of a row, as it is handed out.
  public let rowByteCount: Int

  private let descriptor: Int32
  private let dataOffset: Int
  private let stored: NPYElement
  /// Whether a column's elements lie one behind the other.
  private let isFortranOrder: Bool

  public init(path: String, called name: String? = nil) throws {
    let name = name ?? path
    self.path = path
    self.name = name
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let cause = String(cString: strerror(errno))
      throw HedgerowError(.noInput, "cannot be opened: \(cause)", at: name)
    }
    do {
      let header = try NPYHeader(descriptor: descriptor, called: name)
      stored = try NPYElement(header.description, called: name)
      guard (1...2).contains(header.shape.count) else {
        throw HedgerowError(
          .badData,
          "has \(header.shape.count) dimensions: arrays of one or two are read", at: name)
      }
      try header.checkByteCount(elementByteCount: stored.byteCount, called: name)
      element = stored.kind
      rowCount = header.shape[0]
      columnCount = header.shape.count == 2 ? header.shape[1] : nil
      rowByteCount = stored.kind.byteWidth * (columnCount ?? 1)
      dataOffset = header.dataOffset
      isFortranOrder = header.isFortranOrder
    } catch {
      close(descriptor)
      throw error
    }
  }

  private init(transposing file: NPYFile) throws {
    descriptor = dup(file.descriptor)
    guard descriptor >= 0 else {
      throw HedgerowError(
        .io, "cannot be opened again: \(String(cString: strerror(errno)))", at: file.name)
    }
    path = file.path
    name = file.name
    element = file.element
    rowCount = file.columnCount ?? 1
    columnCount = file.rowCount
    rowByteCount = file.rowCount * file.element.byteWidth
    dataOffset = file.dataOffset
    stored = file.stored
    isFortranOrder = file.columnCount != nil && !file.isFortranOrder
  }

  deinit { close(descriptor) }

  /// The array with its columns as rows; one of one dimension becomes a single row.
  public func transposed() throws -> NPYFile { try NPYFile(transposing: self) }

  /// Fills `buffer` with the rows, row-major.
  ///
  /// - Precondition: the rows are within `0..<rowCount` and `buffer` is exactly as long as they are.
  /// - Throws: `badData` for an unsigned integer beyond int64, `io`.
  public func read(rows: Range<Int>, into buffer: UnsafeMutableRawBufferPointer) throws {
    require(
      rows.lowerBound >= 0 && rows.upperBound <= rowCount
        && buffer.count == rows.count * rowByteCount,
      "rows \(rows) of \(rowCount) with \(rowByteCount) bytes each do not fill \(buffer.count)")
    guard !stored.isNative else { return try readStored(rows, into: buffer) }
    let width = columnCount ?? 1
    let raw = UnsafeMutableRawBufferPointer.allocate(
      byteCount: rows.count * width * stored.byteCount, alignment: 16)
    defer { raw.deallocate() }
    try readStored(rows, into: raw)
    if let place = stored.convert(UnsafeRawBufferPointer(raw), into: buffer) {
      throw HedgerowError(
        .badData, "has an element beyond int64 in row \(rows.lowerBound + place / width)", at: name)
    }
  }

  /// Fills `buffer` with rows whose elements are as in the file.
  private func readStored(_ rows: Range<Int>, into buffer: UnsafeMutableRawBufferPointer) throws {
    let size = stored.byteCount
    guard isFortranOrder, let columnCount, columnCount > 1 else {
      let start = rows.lowerBound * (columnCount ?? 1) * size
      return try fill(buffer, from: start)
    }
    let column = UnsafeMutableRawBufferPointer.allocate(
      byteCount: rows.count * size, alignment: 16)
    defer { column.deallocate() }
    for index in 0..<columnCount {
      try fill(column, from: (index * rowCount + rows.lowerBound) * size)
      for row in 0..<rows.count {
        // Both within their buffers: row < rows.count and index < columnCount.
        memcpy(
          buffer.baseAddress! + (row * columnCount + index) * size,
          column.baseAddress! + row * size,
          size)
      }
    }
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: Int) throws {
    var done = 0
    let start = dataOffset + offset
    while done < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(start + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let cause = count == 0 ? "the file became shorter" : String(cString: strerror(errno))
        throw HedgerowError(.io, "cannot be read: \(cause)", at: name)
      }
      done += count
    }
  }

  /// The one text that an array without dimensions, or of one element, holds.
  ///
  /// - Throws: `badData` when it holds anything else, or a text of more than 64 characters.
  public static func text(in path: String, called name: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileSystem.failure("open", name) }
    defer { close(descriptor) }
    let header = try NPYHeader(descriptor: descriptor, called: name)
    let code = header.description.drop { "<>|=".contains($0) }
    guard let length = Int(code.dropFirst()), (0...64).contains(length),
      ["S", "U", "a"].contains(code.prefix(1)), header.shape.allSatisfy({ $0 == 1 })
    else { throw HedgerowError(.badData, "is no short text", at: name) }
    let size = code.hasPrefix("U") ? 4 : 1
    try header.checkByteCount(elementByteCount: size * length, called: name)
    var bytes = [UInt8](repeating: 0, count: size * length)
    guard pread(descriptor, &bytes, bytes.count, off_t(header.dataOffset)) == bytes.count else {
      throw HedgerowError(.io, "cannot be read", at: name)
    }
    return String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self)
  }
}
