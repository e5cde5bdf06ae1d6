import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowRoaring

/// A column that is given for some nodes, in any order: a file with room for each, and which have one.
final class LabelColumn {
  private let width: Int
  private let count: Int
  private let descriptor: Int32
  private var given = RoaringBitmap()
  private var waiting: [UInt32] = []

  /// - Parameters:
  ///   - count: how many nodes there are.
  ///   - rows: of the first file that gives some, which says how many numbers each node has.
  init(count: Int, like rows: any FieldRows, scratch: String) throws {
    guard (1...4096).contains(rows.columnCount) else {
      throw HedgerowError(
        .badData, "has rows of \(rows.columnCount) numbers: labels have at most 4096", at: rows.name
      )
    }
    self.count = count
    width = rows.columnCount
    let path = "\(scratch)/labels-\(UInt64.random(in: 0...UInt64.max))"
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileSystem.failure("create", path) }
    unlink(path)
  }

  deinit { close(descriptor) }

  /// Gives a node the row that was read last.
  func set(_ node: Int, to rows: any FieldRows) throws {
    guard rows.columnCount == width else {
      throw HedgerowError(
        .badData, "has rows of \(rows.columnCount) numbers where other labels have \(width)",
        at: rows.name)
    }
    let numbers = try (0..<width).map { column in
      guard let number = rows.number(column) else {
        throw rows.wrong("has a label that float64 does not hold exactly")
      }
      return number
    }
    try numbers.withUnsafeBytes { bytes in
      guard
        pwrite(descriptor, bytes.baseAddress!, bytes.count, off_t(node * bytes.count))
          == bytes.count
      else { throw FileSystem.failure("write", "labels") }
    }
    waiting.append(UInt32(node))
    if waiting.count == 1 << 16 { gather() }
  }

  private func gather() {
    waiting.withUnsafeBufferPointer { given.insert(contentsOf: $0) }
    waiting.removeAll(keepingCapacity: true)
  }

  /// A row for each node, empty where none was given.
  func rows() -> any FieldRows {
    gather()
    return Rows(self)
  }

  private final class Rows: FieldRows {
    let name = "labels"
    let columnCount: Int
    private(set) var rowCount = 0
    private let labels: LabelColumn
    private var numbers: [Double]
    private var isGiven = false

    init(_ labels: LabelColumn) {
      self.labels = labels
      columnCount = labels.width
      numbers = [Double](repeating: 0, count: labels.width)
    }

    var place: String { "\(name)[\(rowCount - 1)]" }
    var line: Int { rowCount }

    func next() throws -> Bool {
      guard rowCount < labels.count else { return false }
      isGiven = labels.given.contains(UInt32(rowCount))
      if isGiven {
        try numbers.withUnsafeMutableBytes { bytes in
          guard
            pread(labels.descriptor, bytes.baseAddress!, bytes.count, off_t(rowCount * bytes.count))
              == bytes.count
          else { throw FileSystem.failure("read", name) }
        }
      }
      rowCount += 1
      return true
    }

    func number(_ column: Int) -> Double? { isGiven ? numbers[column] : nil }
    func integer(_ column: Int) -> Int? { number(column).flatMap { Int(exactly: $0) } }

    func withField<Result>(
      _ column: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
      let text = integer(column)?.description ?? number(column)?.description ?? ""
      return try Array(text.utf8).withUnsafeBytes(body)
    }
  }
}
