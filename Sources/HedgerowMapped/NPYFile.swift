import Glibc
public import HedgerowCore

/// A NumPy array on disk, read a stretch of rows at a time.
///
/// ```swift
/// let file = try NPYFile(path: "features.npy")
/// try file.read(rows: 0..<1024, into: buffer)
/// ```
/// Accepted are C-order arrays of one or two dimensions whose elements are little-endian float32,
/// float16, uint8, int8 or int64, in container versions 1 to 3. The header is checked against the file's
/// length, so that no row can be missing later.
///
/// - Complexity: opening reads the header only; `read` one `pread` of just the rows.
public final class NPYFile: Sendable {
  public let path: String
  public let element: PropertyKind
  /// The first dimension.
  public let rowCount: Int
  /// The second dimension; `nil` for an array of one dimension.
  public let columnCount: Int?
  /// Bytes of a row.
  public let rowByteCount: Int

  private let descriptor: Int32
  private let dataOffset: Int

  public init(path: String) throws {
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let cause = String(cString: strerror(errno))
      throw HedgerowError(.noInput, "cannot be opened: \(cause)", at: path)
    }
    self.path = path
    do {
      var status = stat()
      guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        throw HedgerowError(.badData, "is no regular file: copy the array to a file", at: path)
      }
      let header = try NPYHeader(descriptor: descriptor, fileByteCount: Int(status.st_size), path)
      element = header.element
      rowCount = header.shape[0]
      columnCount = header.shape.count == 2 ? header.shape[1] : nil
      rowByteCount = header.element.byteWidth * (columnCount ?? 1)
      dataOffset = header.dataOffset
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  /// Fills `buffer` with the rows, row-major.
  ///
  /// - Precondition: the rows are within `0..<rowCount` and `buffer` is exactly as long as they are.
  public func read(rows: Range<Int>, into buffer: UnsafeMutableRawBufferPointer) throws {
    require(
      rows.lowerBound >= 0 && rows.upperBound <= rowCount
        && buffer.count == rows.count * rowByteCount,
      "rows \(rows) of \(rowCount) with \(rowByteCount) bytes each do not fill \(buffer.count)")
    var done = 0
    let start = dataOffset + rows.lowerBound * rowByteCount
    while done < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(start + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let cause = count == 0 ? "the file became shorter" : String(cString: strerror(errno))
        throw HedgerowError(.io, "cannot be read: \(cause)", at: path)
      }
      done += count
    }
  }
}

/// The dictionary at the start of the file: `{'descr': '<f4', 'fortran_order': False, 'shape':
/// (3, 4), }`.
struct NPYHeader {
  var element: PropertyKind
  var shape: [Int]
  var dataOffset: Int

  private static let kinds: [String: PropertyKind] = [
    "<f4": .float32, "<f2": .float16, "|u1": .uint8, "<u1": .uint8, "|i1": .int8, "<i1": .int8,
    "<i8": .int64,
  ]
  private static let longest = 1 << 16

  init(descriptor: Int32, fileByteCount: Int, _ path: String) throws {
    func refuse(_ message: String) -> HedgerowError { HedgerowError(.badData, message, at: path) }
    var bytes = [UInt8](repeating: 0, count: min(fileByteCount, Self.longest + 12))
    guard pread(descriptor, &bytes, bytes.count, 0) == bytes.count else {
      throw HedgerowError(.io, "cannot be read", at: path)
    }
    guard bytes.count >= 10, bytes[..<6].elementsEqual([0x93] + Array("NUMPY".utf8)) else {
      throw refuse("is no .npy file: save the array with numpy.save")
    }
    let version = bytes[6]
    guard (1...3).contains(version) else {
      throw refuse("has version \(version) of the npy format: versions 1 to 3 are read")
    }
    let lengthBytes = version == 1 ? 2 : 4
    guard bytes.count >= 8 + lengthBytes else { throw refuse("ends inside its header") }
    let length = (0..<lengthBytes).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
    guard length <= Self.longest else {
      throw refuse("has a header of \(length) bytes: at most \(Self.longest) are read")
    }
    dataOffset = 8 + lengthBytes + length
    guard dataOffset <= bytes.count else { throw refuse("ends inside its header") }
    guard let text = String(validating: bytes[(8 + lengthBytes)..<dataOffset], as: UTF8.self)
    else { throw refuse("has a header that is not text") }

    var parser = NPYHeaderParser(text: Array(text.unicodeScalars))
    guard let fields = parser.parse() else {
      throw refuse("has a header that is no array description")
    }
    guard !fields.isFortranOrder else {
      throw refuse("is in Fortran order: save numpy.ascontiguousarray(array)")
    }
    guard let element = Self.kinds[fields.description] else {
      let what = fields.description.contains("O") ? "Python objects" : "'\(fields.description)'"
      throw refuse(
        "holds \(what): little-endian float32, float16, uint8, int8 and int64 are read")
    }
    guard (1...2).contains(fields.shape.count) else {
      throw refuse("has \(fields.shape.count) dimensions: arrays of one or two are read")
    }
    if fields.shape.count == 2, fields.shape[1] == 0 { throw refuse("has rows of no elements") }
    var byteCount = element.byteWidth
    for dimension in fields.shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: dimension)
      guard !overflow else { throw refuse("claims more elements than any file holds") }
      byteCount = product
    }
    guard byteCount == fileByteCount - dataOffset else {
      throw refuse(
        "has \(fileByteCount - dataOffset) bytes of data where its shape "
          + "\(fields.shape.map(String.init).joined(separator: " x ")) needs \(byteCount)")
    }
    self.element = element
    shape = fields.shape
  }
}

/// Reads the few forms of Python literals that a header is made of.
struct NPYHeaderParser {
  struct Fields {
    var description = ""
    var isFortranOrder = false
    var shape: [Int] = []
  }

  private let text: [Unicode.Scalar]
  private var position = 0

  init(text: [Unicode.Scalar]) { self.text = text }

  mutating func parse() -> Fields? {
    var fields = Fields()
    var seen: Set<String> = []
    guard take("{") else { return nil }
    while !take("}") {
      guard let key = string(), seen.insert(key).inserted, take(":") else { return nil }
      switch key {
      case "descr":
        guard let value = string() else { return nil }
        fields.description = value
      case "fortran_order":
        if word("True") {
          fields.isFortranOrder = true
        } else if !word("False") {
          return nil
        }
      case "shape":
        guard let value = tuple() else { return nil }
        fields.shape = value
      default: return nil
      }
      if !take(",") {
        guard take("}") else { return nil }
        break
      }
    }
    skipSpace()
    return position == text.count && seen.count == 3 ? fields : nil
  }

  private mutating func skipSpace() {
    while position < text.count, " \n\t".unicodeScalars.contains(text[position]) { position += 1 }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < text.count, text[position] == scalar else { return false }
    position += 1
    return true
  }

  private mutating func word(_ word: String) -> Bool {
    skipSpace()
    let scalars = Array(word.unicodeScalars)
    guard text[position...].starts(with: scalars) else { return false }
    position += scalars.count
    return true
  }

  private mutating func string() -> String? {
    skipSpace()
    guard position < text.count, text[position] == "'" || text[position] == "\"" else {
      return nil
    }
    let quote = text[position]
    guard let close = text[(position + 1)...].firstIndex(of: quote) else { return nil }
    var result = String.UnicodeScalarView()
    result.append(contentsOf: text[(position + 1)..<close])
    position = close + 1
    return String(result)
  }

  private mutating func tuple() -> [Int]? {
    guard take("(") else { return nil }
    var values: [Int] = []
    while !take(")") {
      skipSpace()
      var digits = ""
      while position < text.count, ("0"..."9").contains(text[position]) {
        digits.unicodeScalars.append(text[position])
        position += 1
      }
      _ = word("L")  // long integers of Python 2
      guard let value = Int(digits), values.count < 32 else { return nil }
      values.append(value)
      if !take(",") {
        guard take(")") else { return nil }
        break
      }
    }
    return values
  }
}
