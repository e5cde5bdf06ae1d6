import Glibc
import HedgerowCore

/// The dictionary at the start of a `.npy` file: `{'descr': '<f4', 'fortran_order': False, 'shape':
/// (3, 4), }`.
struct NPYHeader {
  /// What NumPy calls the elements.
  var description: String
  var isFortranOrder: Bool
  var shape: [Int]
  var dataOffset: Int
  var dataByteCount: Int

  private static let longest = 1 << 16

  /// - Parameter name: what messages call the file.
  init(descriptor: Int32, called name: String) throws {
    func refuse(_ message: String) -> HedgerowError { HedgerowError(.badData, message, at: name) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw refuse("is no regular file: copy the array to a file")
    }
    let fileByteCount = Int(status.st_size)
    var bytes = [UInt8](repeating: 0, count: min(fileByteCount, Self.longest + 12))
    guard pread(descriptor, &bytes, bytes.count, 0) == bytes.count else {
      throw HedgerowError(.io, "cannot be read", at: name)
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
    description = fields.description
    isFortranOrder = fields.isFortranOrder
    shape = fields.shape
    dataByteCount = fileByteCount - dataOffset
  }

  /// That the file has just as many bytes as elements of a width need.
  func checkByteCount(elementByteCount: Int, called name: String) throws {
    var byteCount = elementByteCount
    for dimension in shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: dimension)
      guard !overflow else {
        throw HedgerowError(.badData, "claims more elements than any file holds", at: name)
      }
      byteCount = product
    }
    guard byteCount == dataByteCount else {
      throw HedgerowError(
        .badData,
        "has \(dataByteCount) bytes of data where its shape "
          + "\(shape.map(String.init).joined(separator: " x ")) needs \(byteCount)", at: name)
    }
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
