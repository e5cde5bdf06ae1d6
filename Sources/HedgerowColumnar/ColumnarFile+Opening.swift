import Glibc
package import HedgerowCore

/// Formats of files of columns.
package enum ColumnarFormat: CaseIterable, Sendable {
  case parquet
  case arrow

  private var endings: [String] {
    switch self {
    case .parquet: [".parquet", ".parq"]
    case .arrow: [".arrow", ".arrows", ".feather", ".ipc"]
    }
  }

  private var magic: [UInt8] {
    switch self {
    case .parquet: ParquetFile.magic
    case .arrow: ArrowFile.magic
    }
  }

  /// What a file is by its name, or else by its first bytes.
  package static func detect(_ path: String) -> ColumnarFormat? {
    let name = path.lowercased()
    return allCases.first { format in format.endings.contains { name.hasSuffix($0) } }
      ?? detectBytes(of: path)
  }

  private static func detectBytes(of path: String) -> ColumnarFormat? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var start = [UInt8](repeating: 0, count: 8)
    let count = read(descriptor, &start, start.count)
    guard count > 0 else { return nil }
    return allCases.first { start[..<count].starts(with: $0.magic) }
  }

  /// - Parameters:
  ///   - name: what messages call the file.
  ///   - budget: what the file's own description is held within.
  package func open(
    _ path: String, called name: String, budget: MemoryBudget
  ) throws -> any ColumnarFile {
    let bytes = try FileBytes(path: path, called: name)
    switch self {
    case .parquet: return try ParquetFile(bytes, budget: budget)
    case .arrow: return try ArrowFile(bytes, budget: budget)
    }
  }
}
