import CHedgerowKernels
import Glibc

/// The processor that this runs on, as far as Hedgerow's kernels go by it.
public struct Processor: Sendable {
  /// As the system calls it.
  public let name: String
  public let hasAVX2: Bool
  public let hasAVX512: Bool
  /// Whether it multiplies bfloat16 by an instruction of its own.
  public let hasAVX512BF16: Bool
  /// What the kernels that run are compiled for: `x86-64-v4`, `x86-64-v3`, or `default`.
  public let kernels: String

  public static let current = Processor()

  private init() {
    let processor = hr_this_processor()
    hasAVX2 = processor.has_avx2
    hasAVX512 = processor.has_avx512
    hasAVX512BF16 = processor.has_avx512_bf16
    kernels = String(cString: processor.kernels)
    name = Self.systemName ?? "unknown"
  }

  private static var systemName: String? {
    guard let file = fopen("/proc/cpuinfo", "re") else { return nil }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    while getline(&line, &capacity, file) > 0 {
      let text = String(cString: line!)
      guard text.hasPrefix("model name"), let colon = text.firstIndex(of: ":") else { continue }
      return String(text[colon...].dropFirst().drop { $0 == " " }.prefix { $0 != "\n" })
    }
    return nil
  }
}
