import Glibc
import Hedgerow

/// What computes here, and how fast: `hedgerow info --system`.
struct SystemInfo {
  /// A core of OpenBLAS, and what a product of float32 of 1024 x 1024 x 1024 reaches with it on one thread.
  struct Core {
    var name: String
    var gigaflops: Double

    /// Of this process.
    ///
    /// - Throws: `usage` for a core that multiplies wrongly.
    static func measured() throws(HedgerowError) -> Core {
      try BLAS.check()
      let (a, b) = (Tensor.random([1024, 1024], seed: 1), Tensor.random([1024, 1024], seed: 2))
      let times = Compute.with(ThreadPool(threadCount: 1)) {
        (0..<5).map { _ in ContinuousClock().measure { _ = matmul(a, b) }.seconds }
      }
      return Core(name: BLAS.core, gigaflops: 2 * 1024 * 1024 * 1024 / times.min()! / 1e9)
    }

    /// The line that a process of ours prints for another one.
    var line: String { "\(name) \(gigaflops)" }

    init(name: String, gigaflops: Double) {
      self.name = name
      self.gigaflops = gigaflops
    }

    init?(line: String) {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count == 2, let gigaflops = Double(words[1]) else { return nil }
      self.init(name: String(words[0]), gigaflops: gigaflops)
    }
  }

  let processor = Processor.current
  /// Of this process, unless it multiplies wrongly.
  let core: Core?
  /// Cores that are made for other processors and run here.
  let others: [Core]
  /// What is wrong with products.
  let problem: HedgerowError?

  init() {
    do throws(HedgerowError) {
      core = try Core.measured()
      problem = nil
    } catch {
      core = nil
      problem = error
    }
    var names: [String] = []
    if processor.hasAVX512 { names.append("SkylakeX") }
    if processor.hasAVX2 { names.append("Haswell") }
    others = names.filter { $0 != BLAS.core }.compactMap { name in
      ownOutput(["info", "--core"], environment: ["OPENBLAS_CORETYPE": name])
        .flatMap(Core.init(line:)).flatMap { $0.name == name ? $0 : nil }
    }
  }

  private var features: [String] {
    (processor.hasAVX2 ? ["AVX2"] : []) + (processor.hasAVX512 ? ["AVX-512"] : [])
      + (processor.hasAVX512BF16 ? ["AVX-512 BF16"] : [])
  }

  private var givenCore: String? { getenv("OPENBLAS_CORETYPE").map { String(cString: $0) } }

  /// The core that is clearly faster than the one that runs.
  private var faster: Core? {
    others.max { $0.gigaflops < $1.gigaflops }.flatMap {
      $0.gigaflops > 1.2 * (core?.gigaflops ?? 0) ? $0 : nil
    }
  }

  var json: JSON {
    func json(_ core: Core) -> JSON {
      ["core": .string(core.name), "gigaflops": .double(core.gigaflops)]
    }
    return [
      "processor": .string(processor.name), "processors": .int(ProcessResources.processorCount),
      "features": .array(features.map { .string($0) }),
      "kernels": .string(processor.kernels),
      "bfloat16_products": .string(processor.hasAVX512BF16 ? "instruction" : "openblas"),
      "openblas": [
        "core": .string(BLAS.core), "given_core": givenCore.map { .string($0) } ?? .null,
        "configuration": .string(BLAS.configuration), "threads": 1,
        "gigaflops": core.map { .double($0.gigaflops) } ?? .null, "is_right": .bool(problem == nil),
        "other_cores": .array(others.map(json)),
        "faster_core": faster.map { .string($0.name) } ?? .null,
      ],
    ]
  }

  var text: String {
    func speed(_ core: Core) -> String { "\(core.gigaflops.formatted(decimals: 0)) GFLOP/s" }
    let threads = ProcessResources.processorCount.counting("thread")
    let names = features.isEmpty ? "without AVX2" : features.joined(separator: ", ")
    let products =
      processor.hasAVX512BF16 ? "by its instruction" : "rounded, and multiplied by OpenBLAS"
    let reason = givenCore.map { "as OPENBLAS_CORETYPE=\($0) asks" } ?? "picked by itself"
    let version = BLAS.configuration.split(separator: " ").joined(separator: " ")
    let tried = others.map { "; with OPENBLAS_CORETYPE=\($0.name) \(speed($0))" }.joined()
    let state = problem == nil ? "right" : "wrong"
    var lines = [
      "processor: \(processor.name), \(threads) of it; \(names)",
      "kernels: \(processor.kernels); products of bfloat16 \(products)",
      "OpenBLAS: core \(BLAS.core), \(reason); \(version)",
      "a product of 1024 x 1024 x 1024 in float32, one thread: \(core.map(speed) ?? "not measured")\(tried)",
      "products of OpenBLAS run on one thread each, side by side; checked, and \(state)",
    ]
    if let faster {
      lines.append(
        "OPENBLAS_CORETYPE=\(faster.name) in the environment is faster here; results differ in their "
          + "last bits")
    }
    return lines.joined(separator: "\n")
  }
}

/// What this program prints when it is called so, if it ends well.
private func ownOutput(_ arguments: [String], environment: [String: String]) -> String? {
  var ends: [Int32] = [0, 0]
  guard pipe(&ends) == 0 else { return nil }
  for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
  var words: [UnsafeMutablePointer<CChar>?] = (["hedgerow"] + arguments).map { strdup($0) } + [nil]
  var variables: [UnsafeMutablePointer<CChar>?] = []
  var next = environ
  while let variable = next.pointee {
    let name = String(cString: variable).prefix { $0 != "=" }
    if environment[String(name)] == nil { variables.append(strdup(variable)) }
    next += 1
  }
  variables += environment.map { strdup("\($0)=\($1)") } + [nil]
  defer { for text in words + variables { free(text) } }
  var process: pid_t = 0
  let status = posix_spawn(&process, "/proc/self/exe", &actions, nil, &words, &variables)
  close(ends[1])
  defer { close(ends[0]) }
  guard status == 0 else { return nil }
  var bytes = [UInt8](repeating: 0, count: 4096)
  var count = 0
  while count < bytes.count {
    let length = bytes.withUnsafeMutableBytes {
      read(ends[0], $0.baseAddress! + count, $0.count - count)
    }
    if length < 0 && errno == EINTR { continue }
    if length <= 0 { break }
    count += length
  }
  var end: Int32 = 0
  while waitpid(process, &end, 0) < 0 && errno == EINTR {}
  return end == 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
}
