import Hedgerow

/// Where the time went, as lines: stages, their seconds and their share, and a total that is their sum.
struct StageTable {
  let title: String
  let rows: [(stage: String, seconds: Double)]

  var text: String {
    let total = rows.reduce(0) { $0 + $1.seconds }
    func line(_ name: String, _ seconds: Double) -> String {
      let share = total > 0 ? 100 * seconds / total : 0
      return "  " + name.padded(to: 10) + seconds.formatted(decimals: 3).padded(toRight: 10) + " s"
        + "\(share.formatted(decimals: 1)) %".padded(toRight: 9)
    }
    return ([title] + rows.map { line($0.stage, $0.seconds) } + [line("total", total)])
      .joined(separator: "\n")
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
  fileprivate func padded(toRight width: Int) -> String {
    String(repeating: " ", count: max(0, width - count)) + self
  }
}

extension StageTable {
  /// Of the threads that make batches; what they had nothing to make in is `idle`.
  init(loaderThreads threads: Int, _ stages: StageSeconds, idle: Double) {
    title = "on \(threads.counting("loader thread")), seconds of all together:"
    rows = [
      ("sample", stages.sample), ("queue", stages.queue), ("read", stages.read),
      ("gather", stages.gather), ("idle", max(0, idle)),
    ]
  }
}

/// What was read and held, in one line.
func storageLine(
  _ rows: RowCounts, pinnedByteCount: Int, packedByteCount: Int, storageByteCount: Int
) -> String {
  var parts = ["\((rows.pinned + rows.read).counting("row")) of features"]
  if pinnedByteCount > 0 {
    let share = 100 * Double(rows.pinned) / Double(max(1, rows.pinned + rows.read))
    parts.append(
      "\(share.formatted(decimals: 1)) % from \(ByteSize.format(pinnedByteCount)) kept in memory")
  }
  if packedByteCount > 0 { parts.append("\(ByteSize.format(packedByteCount)) packed") }
  parts.append("\(ByteSize.format(storageByteCount)) read from storage")
  parts.append("peak \(ByteSize.format(ProcessResources.peakResidentByteCount))")
  return parts.joined(separator: ", ")
}

extension StageSeconds {
  /// As `seconds` in JSON.
  var json: [JSON.Member] {
    [
      .init(key: "sample", value: .double(sample)), .init(key: "queue", value: .double(queue)),
      .init(key: "read", value: .double(read)), .init(key: "gather", value: .double(gather)),
    ]
  }
}
