import Glibc

/// What the operating system says of this process and its limits.
public enum ProcessResources {
  /// The largest resident size so far, in bytes. Mapped file pages count too.
  public static var peakResidentByteCount: Int { statusField("VmHWM:") ?? 0 }

  /// Bytes resident now in private (anonymous) pages.
  public static var privateByteCount: Int { statusField("RssAnon:") ?? 0 }

  /// Bytes that this process caused to be read from a storage device.
  public static var storageByteCountRead: Int {
    field("read_bytes:", in: "/proc/self/io", scale: 1) ?? 0
  }

  /// Processors that this process may run on.
  public static var processorCount: Int {
    // A mask in hexadecimal words: "Cpus_allowed:\t00000000,00000003".
    if let status = contents("/proc/self/status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed:") })
    {
      let bits = line.dropFirst("Cpus_allowed:".count).reduce(0) {
        $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0)
      }
      if bits > 0 { return bits }
    }
    return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  }

  /// The smaller of the control group's limit and the memory available now, the page cache included.
  public static var memoryLimit: Int {
    let available = field("MemAvailable:", in: "/proc/meminfo", scale: 1024) ?? 2 << 30
    return controlGroupLimits().filter { $0 > 0 }.reduce(available, min)
  }

  /// Half of ``memoryLimit``.
  public static var defaultMemoryBudget: Int { max(64 << 20, memoryLimit / 2) }

  private static func controlGroupLimits() -> [Int] {
    guard let groups = contents("/proc/self/cgroup") else { return [] }
    var limits: [Int] = []
    for line in groups.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let file: (String) -> String
      if parts[1].split(separator: ",").contains("memory") {
        file = { "/sys/fs/cgroup/memory\($0)/memory.limit_in_bytes" }
      } else if parts[0] == "0" {
        file = { "/sys/fs/cgroup\($0)/memory.max" }
      } else {
        continue
      }
      // The group's own limit and its parents'.
      var path = parts[2] == "/" ? "" : String(parts[2])
      while true {
        if let text = contents(file(path)), let limit = Int(text.prefix { $0.isNumber }),
          limit < 1 << 60
        {
          limits.append(limit)
        }
        guard let slash = path.lastIndex(of: "/") else { break }
        path = String(path[..<slash])
      }
    }
    return limits
  }

  private static func statusField(_ name: String) -> Int? {
    field(name, in: "/proc/self/status", scale: 1024)
  }

  private static func field(_ name: String, in path: String, scale: Int) -> Int? {
    guard let text = contents(path) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      let digits = line.dropFirst(name.count).drop { !$0.isNumber }.prefix { $0.isNumber }
      return Int(digits).map { $0 * scale }
    }
    return nil
  }

  private static func contents(_ path: String) -> String? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 16384)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
