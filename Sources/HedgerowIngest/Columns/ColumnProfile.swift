import CHedgerowKernels
package import HedgerowCore

/// What a column must hold beside what its kind says.
package enum ColumnRequirement: Sendable {
  case none
  /// A time for samples: an integer, or seconds with a fraction; never null.
  case time
  /// A weight for samples: finite, not negative, never null.
  case weight
}

/// What the first pass over a type's files learns of a column, from which its kind follows.
///
/// Integers are int64; numbers of which one has a point or an exponent are float64 (`nan` and `inf`
/// may be among them); `true` and `false` are bool. Anything else is text: categorical when it has
/// at most 65,536 distinct values and at least twice as many rows, else string. A number with a
/// leading zero or plus, or with more digits than int64 holds in a column without a point, is a
/// code, and so text. Empty fields are null and do not count.
package struct ColumnProfile {
  package let name: String
  package let declared: PropertyKind?
  package let requirement: ColumnRequirement
  /// The kind that the column has in the store, when it is there: the one that it must get.
  package let stored: PropertyKind?
  /// Whether values are texts, whatever they look like.
  package let isText: Bool
  package private(set) var classes: UInt32 = 0
  package private(set) var rowCount = 0
  /// Distinct texts of the column; nil once there are too many.
  package private(set) var texts: TextTable? = TextTable()

  /// Limits of the dictionary of an inferred categorical column.
  package static let categoryLimit = 65536
  package static let categoryByteLimit = 4 << 20
  /// And of one that was declared.
  package static let declaredCategoryLimit = 1 << 22
  package static let declaredCategoryByteLimit = 64 << 20

  package init(
    _ name: String, declared: PropertyKind?, requirement: ColumnRequirement,
    stored: PropertyKind? = nil, isText: Bool = false
  ) {
    self.isText = isText
    if isText { classes = UInt32(HR_CLASS_TEXT) }
    self.name = name
    self.declared = declared
    self.requirement = requirement
    self.stored = stored
    if let declared, declared != .categorical { texts = nil }
  }

  /// What one chunk adds.
  package struct Part {
    package var classes: UInt32 = 0
    package var texts: TextTable?
  }

  /// Looks at a column of a chunk. Any number of threads at a time.
  package func part(of chunk: TextChunk, column: Int) -> Part {
    var part = Part()
    let fields = chunk.fields + column
    let stride = chunk.columnCount
    if declared == nil, classes & UInt32(HR_CLASS_TEXT) == 0 {
      part.classes = hr_classify_column(chunk.bytes, fields, stride, chunk.rowCount)
    }
    if texts != nil {
      for row in 0..<chunk.rowCount where chunk.isText(row, column) {
        let table = part.texts ?? TextTable()
        table.insert(chunk.field(row, column))
        part.texts = table
      }
    }
    return part
  }

  /// The memory that the distinct texts take.
  package var textFootprint: Int { texts?.footprint(adding: 0, byteCount: 0) ?? 0 }

  /// Adds what chunks say, in their order.
  package mutating func add(_ part: Part, rowCount: Int, place: String) throws {
    classes |= part.classes
    self.rowCount += rowCount
    guard let texts, let more = part.texts else { return }
    for index in 0..<more.count { texts.insert(more.text(index)) }
    let isDeclared = declared != nil
    let limit = isDeclared ? Self.declaredCategoryLimit : Self.categoryLimit
    let byteLimit = isDeclared ? Self.declaredCategoryByteLimit : Self.categoryByteLimit
    if texts.count > limit || texts.textByteCount > byteLimit {
      guard !isDeclared else {
        throw HedgerowError(
          .badData, "column '\(name)' has more than \(limit) categories: make it a string",
          at: place)
      }
      self.texts = nil
    }
  }

  /// A column of a type that the store has. Fields are read as its kind says; but times that nobody
  /// declared are seconds, with a fraction or without, which a store keeps as microseconds.
  ///
  /// - Throws: `badData` when another kind is declared.
  package init(
    continuing name: String, _ kind: PropertyKind, declared: PropertyKind?,
    requirement: ColumnRequirement, place: String
  ) throws {
    if let declared {
      let isSeconds = requirement == .time && (declared == .int64 || declared == .int32)
      guard (isSeconds ? .timestamp(.seconds) : declared) == kind else {
        throw HedgerowError(
          .badData, "declares column '\(name)' \(declared), but it is \(kind) in the store",
          at: place)
      }
    }
    let isInferred =
      requirement == .time && declared == nil && kind == .timestamp(.microseconds)
    self.init(
      name, declared: isInferred ? nil : kind, requirement: requirement, stored: kind)
  }

  /// The kind the column will have.
  package func kind(place: String) throws -> PropertyKind {
    let kind = try inferredKind(place: place)
    guard stored == nil || stored == kind else {
      throw HedgerowError(
        .badData,
        "column '\(name)' has whole numbers only, and is \(stored!) in the store: write seconds "
          + "with a point, or declare what they are", at: place)
    }
    return kind
  }

  private func inferredKind(place: String) throws -> PropertyKind {
    switch requirement {
    case .none: break
    case .weight:
      let kind = declared ?? (has(HR_CLASS_DECIMAL | HR_CLASS_LONG) ? .float64 : .int64)
      guard kind.isNumeric else {
        throw HedgerowError(.usage, "weight column '\(name)' is \(kind), not numeric", at: place)
      }
      return kind
    case .time:
      switch declared {
      case .timestamp: return declared!
      case nil: return .timestamp(isDecimalTime ? .microseconds : .seconds)
      case .int64, .int32: return .timestamp(.seconds)
      case .some(let kind):
        throw HedgerowError(
          .usage, "time column '\(name)' is \(kind): declare it int or timestamp", at: place)
      }
    }
    if let declared { return declared }
    let seen = classes & ~UInt32(HR_CLASS_EMPTY)
    let numbers = UInt32(HR_CLASS_INTEGER | HR_CLASS_DECIMAL | HR_CLASS_LONG | HR_CLASS_SPECIAL)
    if seen == UInt32(HR_CLASS_INTEGER) { return .int64 }
    if seen == UInt32(HR_CLASS_BOOL) { return .bool }
    let isFloat =
      seen != 0 && seen & ~numbers == 0 && has(HR_CLASS_INTEGER | HR_CLASS_DECIMAL)
      && (has(HR_CLASS_DECIMAL) || !has(HR_CLASS_LONG))
    if isFloat { return .float64 }
    if let texts, texts.count > 0, 2 * texts.count <= rowCount { return .categorical }
    return .string
  }

  private func has(_ wanted: Int) -> Bool { classes & UInt32(wanted) != 0 }

  /// Whether times are seconds with a fraction.
  package var isDecimalTime: Bool {
    requirement == .time && declared == nil && has(HR_CLASS_DECIMAL)
  }
}
