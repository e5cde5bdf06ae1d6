package import HedgerowCore

/// A column of a file of columns, and what it holds.
package struct ColumnarColumn: Sendable {
  package enum Content: Sendable, Hashable {
    case values(ColumnarType)
    case lists(ColumnarType)
    /// What cannot be read: the rest of a sentence that begins with the column's name.
    case refused(String)
  }

  package let name: String
  package let content: Content
}

/// What a value is, or an element of a list.
package enum ColumnarType: Hashable, Sendable {
  case bool
  case integer(bits: Int, isSigned: Bool)
  case float16, float32, float64
  /// Int64 ticks of the unit since 1970-01-01 UTC.
  case timestamp(PropertyKind.TimeUnit)
  /// UTF-8 by the file's word: nobody has looked.
  case text
  case bytes
  /// Sixteen bytes.
  case uuid

  /// Where a stretch has the values.
  package enum Storage { case integers, floats, doubles, bytes }

  package var storage: Storage {
    switch self {
    case .bool, .integer, .timestamp: .integers
    case .float16, .float32: .floats
    case .float64: .doubles
    case .text, .bytes, .uuid: .bytes
    }
  }
}

extension ColumnarType: CustomStringConvertible {
  package var description: String {
    switch self {
    case .bool: "bool"
    case .integer(let bits, let isSigned): "\(isSigned ? "" : "u")int\(bits)"
    case .float16: "float16"
    case .float32: "float32"
    case .float64: "float64"
    case .timestamp(let unit): "timestamp[\(unit.rawValue)]"
    case .text: "text"
    case .bytes: "bytes"
    case .uuid: "uuid"
    }
  }
}
