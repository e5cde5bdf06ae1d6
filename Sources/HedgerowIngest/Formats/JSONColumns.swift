import CHedgerowKernels
import HedgerowCore

/// The columns that the members of many JSON objects make: their kinds follow from all values.
///
/// Numbers are int64, or float64 where one has a point or an exponent; arrays of numbers are vectors of
/// float32 where all have one length; texts are texts. Everything else - nested values, columns whose
/// values are of several kinds - is text: texts as they are, other values as JSON.
struct JSONColumns {
  private struct Profile {
    var name: String
    var hasBool = false
    var hasInteger = false
    var hasLong = false
    var hasDecimal = false
    var hasText = false
    var hasOther = false
    /// Of arrays of numbers; 0 without any.
    var width = 0

    var isNumeric: Bool { hasInteger || hasLong || hasDecimal }
    /// How many kinds of values there are.
    var kindCount: Int {
      [hasBool, isNumeric, hasText, hasOther, width > 0].count { $0 }
    }

    var kind: PropertyKind? {
      guard kindCount == 1 else { return nil }
      if hasBool { return .bool }
      if width > 0 { return .vector(element: .float32, width: width) }
      // Numbers beyond int64 are exact as text only.
      if isNumeric { return hasDecimal ? .float64 : hasLong ? nil : .int64 }
      return nil
    }
  }

  private var profiles: [Profile] = []
  private var places: [String: Int] = [:]
  private var names: NameTable

  /// More are a sign that keys are data.
  static let limit = 4096

  /// - Parameter reserved: names that no column gets.
  init(reserved: [String]) { names = NameTable(reserved: reserved) }

  private static func classify(_ text: UnsafeRawBufferPointer) -> UInt32 {
    let padding = [UInt8](repeating: 0, count: HR_TEXT_PADDING)
    return (padding + text + padding).withUnsafeBufferPointer {
      hr_classify($0.baseAddress! + HR_TEXT_PADDING, text.count)
    }
  }

  private static func isInteger(_ text: UnsafeRawBufferPointer) -> Bool {
    text.allSatisfy { $0 == UInt8(ascii: "-") || ($0 >= 48 && $0 <= 57) }
  }

  /// Adds the value of a key in one object.
  ///
  /// - Throws: ``JSONText/Failure`` for too many columns.
  mutating func note(_ member: JSONValue.Member, in line: UnsafeRawBufferPointer) throws {
    if case .null = member.value { return }
    let place: Int
    if let known = places[member.key] {
      place = known
    } else {
      guard profiles.count < Self.limit else {
        throw JSONText.Failure(
          message: "has the key '\(member.key.prefix(60))', and there are \(Self.limit) others: "
            + "each would be a column")
      }
      place = profiles.count
      profiles.append(Profile(name: names.name(for: member.key)))
      places[member.key] = place
    }
    switch member.value {
    case .null: break
    case .bool: profiles[place].hasBool = true
    case .string: profiles[place].hasText = true
    case .object: profiles[place].hasOther = true
    case .number(let range):
      let text = UnsafeRawBufferPointer(rebasing: line[range])
      if !Self.isInteger(text) || (text.count == 2 && text.elementsEqual("-0".utf8)) {
        profiles[place].hasDecimal = true
      } else if text.count < 19 || Self.classify(text) == UInt32(HR_CLASS_INTEGER) {
        profiles[place].hasInteger = true
      } else {
        profiles[place].hasLong = true
      }
    case .array(.numbers(let count), _)
    where profiles[place].width == 0 || profiles[place].width == count:
      profiles[place].width = count
    case .array: profiles[place].hasOther = true
    }
  }

  var columns: [GraphImport.Column] {
    profiles.map { .init($0.name, $0.kind, isText: $0.kind == nil) }
  }

  /// Whether each key was noted: a line with others was left out in the first reading.
  ///
  /// - Throws: ``JSONText/Failure`` for one that was not.
  func check(_ members: some Sequence<JSONValue.Member>) throws {
    for member in members where places[member.key] == nil {
      if case .null = member.value { continue }
      throw JSONText.Failure(message: "has the key '\(member.key.prefix(60))', which is no column")
    }
  }

  /// Appends the fields of an object, whose keys were checked, in the order of the columns.
  func append(
    _ members: some Sequence<JSONValue.Member>, of line: UnsafeRawBufferPointer,
    to table: TableSpool.Table
  ) {
    var values = [JSONValue?](repeating: nil, count: profiles.count)
    for member in members {
      if case .null = member.value { continue }
      values[places[member.key]!] = member.value
    }
    for (place, value) in values.enumerated() {
      switch value {
      case nil, .null: table.append(nil as UnsafeRawBufferPointer?)
      case .bool(let flag): table.append(flag ? "true" : "false")
      case .number(let range), .object(_, let range):
        table.append(UnsafeRawBufferPointer(rebasing: line[range]))
      case .string(let text): text.withUnsafeBytes { table.append($0) }
      case .array(_, let range):
        guard case .vector = profiles[place].kind else {
          table.append(UnsafeRawBufferPointer(rebasing: line[range]))
          continue
        }
        // Numbers with commas and spaces between them, and the brackets around.
        var field: [UInt8] = []
        for byte in line[range] {
          switch byte {
          case UInt8(ascii: ","): field.append(UInt8(ascii: ";"))
          case UInt8(ascii: "["), UInt8(ascii: "]"), 9, 10, 13, 32: break
          default: field.append(byte)
          }
        }
        field.withUnsafeBytes { table.append($0) }
      }
    }
  }
}
