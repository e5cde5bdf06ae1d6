import HedgerowCore

/// The columns that a schema's tree comes to: flat ones and lists of numbers; of everything else, why it
/// is not read.
struct ParquetSchema {
  /// What a leaf holds, and how.
  struct Leaf {
    var physical: ParquetPhysical
    var type: ColumnarType
    var conversion: ParquetConversion
    /// The definition level of a value that is there; less is null.
    var definition = 0
    /// Of lists: the definition level of an element, there or null; less is an empty list.
    var elementDefinition = 0
    /// And of an empty list; less is none.
    var listDefinition = 0
    var isList = false
  }

  struct Column {
    var column: ColumnarColumn
    /// Its place among the chunks of a row group; the first of them.
    var place: Int
    var leaf: Leaf?
  }

  private(set) var columns: [Column] = []
  private(set) var leafCount = 0
  private let elements: [ParquetFooter.Element]
  private var next = 1
  private static let deepest = 64

  /// - Throws: ``ThriftReader/Failure`` for a tree that does not add up.
  init(_ elements: [ParquetFooter.Element]) throws {
    self.elements = elements
    guard let root = elements.first, root.physical == nil else {
      throw ThriftReader.Failure.malformed
    }
    for _ in 0..<root.childCount {
      let place = leafCount
      let first = next
      try skip(depth: 0)
      let content = Self.content(Array(elements[first..<next]))
      columns.append(
        Column(
          column: ColumnarColumn(name: elements[first].name, content: content.content),
          place: place, leaf: content.leaf))
    }
    guard next == elements.count else { throw ThriftReader.Failure.malformed }
  }

  /// Steps over a subtree and counts its leaves.
  private mutating func skip(depth: Int) throws {
    guard next < elements.count, depth < Self.deepest else { throw ThriftReader.Failure.malformed }
    let element = elements[next]
    next += 1
    if element.physical != nil {
      guard element.childCount == 0 else { throw ThriftReader.Failure.malformed }
      leafCount += 1
    } else {
      guard element.childCount > 0 else { throw ThriftReader.Failure.malformed }
      for _ in 0..<element.childCount { try skip(depth: depth + 1) }
    }
  }

  // MARK: Columns

  private static func content(
    _ tree: [ParquetFooter.Element]
  ) -> (content: ColumnarColumn.Content, leaf: Leaf?) {
    func refuse(_ message: String) -> (ColumnarColumn.Content, Leaf?) { (.refused(message), nil) }
    let top = tree[0]
    var level = top.repetition == .optional ? 1 : 0
    guard top.physical == nil else {
      return column(of: top, isList: top.repetition == .repeated, level: level)
    }
    if top.logical == .map || top.converted == 1 || top.converted == 2 { return refuse("is a map") }
    guard top.logical == .list || top.converted == 3 else {
      return refuse("is a structure of several values")
    }
    guard tree.count >= 2, top.childCount == 1, top.repetition != .repeated,
      tree[1].repetition == .repeated
    else { return refuse("is a list of a form that is not known") }
    if tree[1].physical != nil { return column(of: tree[1], isList: true, level: level) }
    // list<element>: optional group { repeated group { element } }
    guard tree.count == 3, tree[2].physical != nil, tree[2].repetition != .repeated else {
      return refuse("is a list of lists or structures")
    }
    level += 1
    return column(of: tree[2], isList: true, level: level, isInGroup: true)
  }

  /// - Parameter level: the definition level of what holds the leaf.
  private static func column(
    of element: ParquetFooter.Element, isList: Bool, level: Int, isInGroup: Bool = false
  ) -> (content: ColumnarColumn.Content, leaf: Leaf?) {
    let form: (physical: ParquetPhysical, type: ColumnarType, conversion: ParquetConversion)
    switch ParquetConversion.form(of: element) {
    case .success(let known): form = known
    case .failure(let refusal):
      return (
        .refused(isList ? "is a list, whose element \(refusal.message)" : refusal.message), nil
      )
    }
    var leaf = Leaf(physical: form.physical, type: form.type, conversion: form.conversion)
    guard isList else {
      leaf.definition = level
      return (.values(form.type), leaf)
    }
    switch form.type {
    case .integer, .float16, .float32, .float64: break
    default: return (.refused("is a list of \(form.type): lists of numbers are read"), nil)
    }
    leaf.isList = true
    leaf.elementDefinition = isInGroup ? level : level + 1
    leaf.listDefinition = leaf.elementDefinition - 1
    leaf.definition =
      leaf.elementDefinition + (isInGroup && element.repetition == .optional ? 1 : 0)
    return (.lists(form.type), leaf)
  }
}

/// How values lie in pages.
enum ParquetPhysical: Hashable {
  case boolean, int32, int64, int96, float, double, bytes
  case fixed(Int)

  init?(_ element: ParquetFooter.Element) {
    switch element.physical {
    case 0: self = .boolean
    case 1: self = .int32
    case 2: self = .int64
    case 3: self = .int96
    case 4: self = .float
    case 5: self = .double
    case 6: self = .bytes
    case 7 where element.length > 0 && element.length <= 1 << 20: self = .fixed(element.length)
    default: return nil
    }
  }

  /// Bytes of a value; truth values are unpacked to one each. `nil` for texts.
  var width: Int? {
    switch self {
    case .boolean: 1
    case .int32, .float: 4
    case .int64, .double: 8
    case .int96: 12
    case .bytes, .fixed: nil
    }
  }
}

/// What becomes of a value on its way to a stretch.
enum ParquetConversion: Hashable {
  case none
  /// An int32 or int64 without a sign.
  case unsigned
  case days
  /// To be divided by this power of ten.
  case decimal(scale: Int)
  case half

  struct Refusal: Error { var message: String }
  typealias Form = (physical: ParquetPhysical, type: ColumnarType, conversion: ParquetConversion)

  static func form(of element: ParquetFooter.Element) -> Result<Form, Refusal> {
    func refuse(_ message: String) -> Result<Form, Refusal> { .failure(Refusal(message: message)) }
    guard let physical = ParquetPhysical(element) else { return refuse("is of no known type") }
    if element.logical == .decimal || (element.logical == .none && element.converted == 5) {
      return decimal(element, physical)
    }
    switch physical {
    case .boolean: return .success((physical, .bool, .none))
    case .float: return .success((physical, .float32, .none))
    case .double: return .success((physical, .float64, .none))
    case .int96: return .success((physical, .timestamp(.nanoseconds), .none))
    case .int32, .int64: return .success(integer(element, physical))
    case .bytes:
      let isText = element.logical == .text || [0, 4, 19].contains(element.converted)
      return .success((physical, isText ? .text : .bytes, .none))
    case .fixed(let length):
      if element.logical == .uuid, length == 16 { return .success((physical, .uuid, .none)) }
      if element.logical == .float16, length == 2 { return .success((physical, .float16, .half)) }
      return .success((physical, .bytes, .none))
    }
  }

  private static func integer(
    _ element: ParquetFooter.Element, _ physical: ParquetPhysical
  ) -> Form {
    let width = physical == .int32 ? 32 : 64
    func sized(_ bits: Int, isSigned: Bool) -> Form {
      // A width that is none says nothing.
      let bits = [8, 16, 32, 64].contains(bits) && bits <= width ? bits : width
      return (physical, .integer(bits: bits, isSigned: isSigned), isSigned ? .none : .unsigned)
    }
    switch (element.logical, element.converted) {
    case (.integer(let bits, let isSigned), _): return sized(bits, isSigned: isSigned)
    case (.date, _) where width == 32, (.none, 6) where width == 32:
      return (physical, .timestamp(.seconds), .days)
    case (.timestamp(1), _), (.none, 9): return (physical, .timestamp(.milliseconds), .none)
    case (.timestamp(2), _), (.none, 10): return (physical, .timestamp(.microseconds), .none)
    case (.timestamp(3), _): return (physical, .timestamp(.nanoseconds), .none)
    case (.none, .some(let converted)) where (11...14).contains(converted):
      return sized(8 << (converted - 11), isSigned: false)
    case (.none, .some(let converted)) where (15...18).contains(converted):
      return sized(8 << (converted - 15), isSigned: true)
    default: return sized(width, isSigned: true)
    }
  }

  private static func decimal(
    _ element: ParquetFooter.Element, _ physical: ParquetPhysical
  ) -> Result<Form, Refusal> {
    guard (1...18).contains(element.precision), (0...18).contains(element.scale) else {
      return .failure(
        Refusal(
          message:
            "is a decimal of \(element.precision) digits, \(element.scale) of them behind the "
            + "point: up to 18 are read; write it as float64"))
    }
    switch physical {
    case .int32, .int64, .bytes, .fixed:
      return .success((physical, .float64, .decimal(scale: element.scale)))
    default: return .failure(Refusal(message: "is a decimal of a form that is not known"))
    }
  }
}
