import HedgerowCore

extension LayeredColumn {
  /// See ``Topology/integers(of:of:at:null:into:)``.
  func integers(
    _ rows: Span<UInt64>, null: Int64, into values: inout MutableSpan<Int64>
  ) throws {
    let isInteger =
      switch kind {
      case .int8, .int16, .int32, .int64, .uint8, .timestamp: true
      default: false
      }
    guard isInteger else {
      throw HedgerowError(
        .usage, "column '\(name)' is of kind \(kind): it holds no integers or timestamps")
    }
    try read(
      rows, null: null, into: &values, stored: { base.integer($0, $1) },
      changed: { if case .int(let value) = $0 { value } else { null } })
  }

  /// See ``Topology/numbers(of:of:at:into:)``.
  func numbers(_ rows: Span<UInt64>, into values: inout MutableSpan<Double>) throws {
    guard kind.isNumeric else {
      throw HedgerowError(.usage, "column '\(name)' is of kind \(kind): it holds no numbers")
    }
    try read(
      rows, null: .nan, into: &values, stored: { base.number($0, $1) },
      changed: {
        switch $0 {
        case .int(let value): Double(value)
        case .float(let value): value
        default: .nan
        }
      })
  }

  /// - Parameters:
  ///   - stored: the value in a segment; `changed`: what a change says, which is not null.
  private func read<T: BitwiseCopyable>(
    _ rows: Span<UInt64>, null: T, into values: inout MutableSpan<T>,
    stored: (_ segment: Int, _ local: Int) -> T, changed: (PropertyValue) -> T
  ) throws {
    require(values.count == rows.count, "\(values.count) values for \(rows.count) rows")
    try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: rows.count) { places in
      // Where each value lies: a segment and a row of it, or that it is in `values` already.
      for entry in 0..<rows.count {
        switch source(rows[entry]) {
        case .stored(let row): places[entry] = base.address(of: row)
        case .changed(let cell):
          places[entry] = .max
          values[entry] = try cell.value(kind, categories: categories).map(changed) ?? null
        }
      }
      base.prefetch(addresses: UnsafeBufferPointer(places).span)
      for entry in 0..<rows.count where places[entry] != .max {
        let (segment, local) = StoredColumn.split(places[entry])
        values[entry] = base.isNull(segment, local) ? null : stored(segment, local)
      }
    }
  }
}
