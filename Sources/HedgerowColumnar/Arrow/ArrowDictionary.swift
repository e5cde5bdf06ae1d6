import Glibc
import HedgerowCore

/// The values of a column's dictionary, as the messages up to a record batch make it.
final class ArrowDictionary {
  private let form: ArrowSchema.Form
  private let file: ArrowFile
  private let budget: MemoryBudget
  private let messages: [ArrowFile.Message]
  private var next = 0
  private let values = ColumnStretch()
  /// The bytes of texts, which stay where they are.
  private var rooms: [PageBuffer] = []
  private var shares: [MemoryBudget.Reservation] = []

  init(
    _ number: Int, _ form: ArrowSchema.Form, in file: ArrowFile, budget: MemoryBudget
  ) {
    self.form = form
    self.file = file
    self.budget = budget
    messages = file.dictionaries.filter { $0.dictionary == number }
  }

  /// Reads what comes before a record batch; of a file everything.
  func prepare(for batch: ArrowFile.Message) throws {
    while next < messages.count,
      !file.isStream || messages[next].metadata.lowerBound < batch.metadata.lowerBound
    {
      let message = messages[next]
      next += 1
      if !message.isDelta {
        values.removeAll()
        rooms = []
        shares = []
      }
      let buffers = try ArrowBuffers(message, in: file.bytes)
      let node = try buffers.node(0)
      guard node.count > 0 else { continue }
      var part = try ArrowValues(
        form, count: node.count, nullCount: node.nullCount, buffers: buffers, from: 0,
        room: makeRoom())
      while part.left > 0 {
        shares.append(
          try budget.reserve(17 * min(part.left, 4096), for: "a dictionary of \(file.name)"))
        _ = try part.append(part.left, to: values)
        part.room = makeRoom()
      }
    }
  }

  private func makeRoom() -> PageBuffer {
    rooms.append(PageBuffer("a dictionary of \(file.name)", budget: budget))
    return rooms[rooms.count - 1]
  }

  /// Appends the values at places, where a stretch says that there are some.
  func append(
    _ places: [Int64], to stretch: ColumnStretch, _ storage: ColumnarType.Storage
  ) throws {
    let count = values.isThere.count
    for (item, place) in places.enumerated() where stretch.isThere[item] {
      guard place >= 0, place < count else {
        throw PageFault("has a value at place \(place) of a dictionary of \(count)")
      }
      // A dictionary may have null among its values.
      stretch.isThere[item] = values.isThere[Int(place)]
    }
    func append<T>(_ out: inout [T], _ known: [T], null: T) {
      for (item, place) in places.enumerated() {
        out.append(stretch.isThere[item] ? known[Int(place)] : null)
      }
    }
    switch storage {
    case .integers: append(&stretch.integers, values.integers, null: 0)
    case .floats: append(&stretch.floats, values.floats, null: 0)
    case .doubles: append(&stretch.doubles, values.doubles, null: 0)
    case .bytes:
      append(&stretch.bytes, values.bytes, null: UnsafeRawBufferPointer(start: nil, count: 0))
    }
  }
}
