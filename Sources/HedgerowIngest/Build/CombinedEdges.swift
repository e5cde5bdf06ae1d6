import Glibc
import HedgerowCore

/// Edges in out order, those between the same ends as one: some of its columns say something of all of
/// them, the others are those of the first.
final class CombinedEdges: EdgeStream {
  /// A column and what it gets.
  struct Rule {
    var column: Int
    var combination: IngestOptions.Combination
    var kind: PropertyKind
    var name: String
  }

  /// What a column has come to over the edges of one group.
  private struct Total {
    var isValid = false
    var integer: Int64 = 0
    var real = 0.0
  }

  private let stream: any EdgeStream
  private let layout: EdgeLayout
  private let rules: [Rule]
  private let type: EdgeType
  private var totals: [Total]
  private let group: UnsafeMutableRawBufferPointer
  private var ends: UInt64?
  private let output: UnsafeMutableRawBufferPointer
  private var block: UnsafeRawBufferPointer?
  private var position = 0

  init(_ stream: any EdgeStream, layout: EdgeLayout, _ rules: [Rule], of type: EdgeType) {
    self.stream = stream
    self.layout = layout
    self.rules = rules
    self.type = type
    totals = rules.map { _ in Total() }
    group = .allocate(byteCount: layout.width, alignment: 16)
    output = .allocate(byteCount: (1 << 14) * layout.width, alignment: 16)
  }

  deinit {
    group.deallocate()
    output.deallocate()
  }

  /// Whether columns of a kind can be combined so.
  static func takes(_ kind: PropertyKind, _ combination: IngestOptions.Combination) -> Bool {
    switch kind {
    case .int8, .int16, .int32, .int64, .uint8, .float32, .float64: true
    case .timestamp: combination == .max || combination == .min
    default: false
    }
  }

  func next() throws -> UnsafeRawBufferPointer? {
    var filled = 0
    while filled < output.count {
      if block.map({ position == $0.count }) ?? true {
        block = try stream.next()
        position = 0
      }
      guard let block else {
        if ends != nil { try endGroup(at: &filled) }
        return filled > 0 ? UnsafeRawBufferPointer(rebasing: output[..<filled]) : nil
      }
      let record = block.baseAddress! + position
      let ends = EdgeLayout.ends(record)
      if ends != self.ends {
        if self.ends != nil { try endGroup(at: &filled) }
        self.ends = ends
        group.copyMemory(from: UnsafeRawBufferPointer(start: record, count: layout.width))
      }
      for index in rules.indices where layout.isValid(record, rules[index].column) {
        try add(record, index)
      }
      position += layout.width
    }
    return UnsafeRawBufferPointer(rebasing: output[..<filled])
  }

  private func add(_ record: UnsafeRawPointer, _ index: Int) throws {
    let rule = rules[index]
    let place = record + layout.offsets[rule.column]
    let isFirst = !totals[index].isValid
    totals[index].isValid = true
    func add(_ value: Int64) throws {
      switch rule.combination {
      case .max: totals[index].integer = isFirst ? value : max(totals[index].integer, value)
      case .min: totals[index].integer = isFirst ? value : min(totals[index].integer, value)
      case .sum, .count:
        let (sum, isOver) = totals[index].integer.addingReportingOverflow(value)
        guard !isOver else { throw beyond(rule) }
        totals[index].integer = sum
      }
    }
    func add(_ value: Double) {
      switch rule.combination {
      case .max: totals[index].real = isFirst ? value : max(totals[index].real, value)
      case .min: totals[index].real = isFirst ? value : min(totals[index].real, value)
      case .sum, .count: totals[index].real += value
      }
    }
    switch rule.kind {
    case .int8: try add(Int64(place.load(as: Int8.self)))
    case .uint8: try add(Int64(place.load(as: UInt8.self)))
    case .int16: try add(Int64(place.loadUnaligned(as: Int16.self)))
    case .int32: try add(Int64(place.loadUnaligned(as: Int32.self)))
    case .float32: add(Double(place.loadUnaligned(as: Float.self)))
    case .float64: add(place.loadUnaligned(as: Double.self))
    default: try add(place.loadUnaligned(as: Int64.self))
    }
  }

  private func endGroup(at filled: inout Int) throws {
    for (index, rule) in rules.enumerated() where totals[index].isValid {
      let total = totals[index]
      let place = group.baseAddress! + layout.offsets[rule.column]
      layout.setValid(group.baseAddress!, rule.column)
      func put<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) throws {
        guard let value = T(exactly: total.integer) else { throw beyond(rule) }
        place.storeBytes(of: value, as: T.self)
      }
      switch rule.kind {
      case .int8: try put(Int8.self)
      case .uint8: try put(UInt8.self)
      case .int16: try put(Int16.self)
      case .int32: try put(Int32.self)
      case .float32: place.storeBytes(of: Float(total.real), as: Float.self)
      case .float64: place.storeBytes(of: total.real, as: Double.self)
      default: try put(Int64.self)
      }
      totals[index] = Total()
    }
    memcpy(output.baseAddress! + filled, group.baseAddress!, layout.width)
    filled += layout.width
    ends = nil
  }

  private func beyond(_ rule: Rule) -> HedgerowError {
    HedgerowError(
      .badData,
      "the \(rule.combination.rawValue) of column '\(rule.name)' over the edges between two nodes is "
        + "beyond \(rule.kind): declare the column with more bits", at: "\(type)")
  }
}
