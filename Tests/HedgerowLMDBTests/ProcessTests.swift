import Foundation
import HedgerowCore
import HedgerowLMDB
import Testing

/// What other processes do, and what the system does to this one. Each body that exits runs in a
/// process of its own.
@Suite(.serialized) struct ProcessTests {
  @Test func aKilledWriterLeavesAWholePrefixOfItsCommits() async throws {
    var random = RandomStream(seed: freshSeed())
    try await withTemporaryDirectory { path in
      var commits: UInt64 = 0
      for _ in 0..<12 {
        let microseconds = UInt32(200 + random.next(below: 30_000))
        await #expect(processExitsWith: .signal(SIGKILL)) {
          [path = path as String, microseconds = microseconds as UInt32] in
          let environment = try LMDBEnvironment.open(path, .readWrite)
          let acknowledged = open("\(path)/acknowledged", O_WRONLY | O_CREAT, 0o600)
          _ = HedgerowCore.Thread.start {
            usleep(microseconds)
            kill(getpid(), SIGKILL)
          }
          var number = try environment.read { try $0.value(for: 0, in: numbers) ?? 0 }
          while true {
            number += 1
            try environment.write { transaction in
              for key in 0..<300 as Range<UInt64> {
                try transaction.put(number, for: key, in: numbers)
              }
            }
            pwrite(acknowledged, &number, 8, 0)
          }
        }
        let data = try? Data(contentsOf: URL(fileURLWithPath: "\(path)/acknowledged"))
        let acknowledged =
          data.flatMap { $0.count < 8 ? nil : $0.withUnsafeBytes { $0.load(as: UInt64.self) } } ?? 0
        var values: Set<UInt64> = []
        try LMDBEnvironment.open(path, .readOnly).read { transaction in
          try transaction.forEach(in: numbers) { _, value in values.insert(value) }
        }
        #expect(values.count <= 1)
        let committed = values.first ?? 0
        // The last commit of a writer may be there without its acknowledgement, and those of the
        // writers before it, too.
        #expect(committed >= max(acknowledged, commits))
        #expect(committed <= max(acknowledged, commits) + 1)
        commits = committed
      }
      print("aKilledWriterLeavesAWholePrefixOfItsCommits: \(commits) commits")
    }
  }

  @Test func aTableOfAnotherProcessIsSeen() async throws {
    try await withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      try environment.write { try $0.put(2, for: 1, in: numbers) }
      await #expect(processExitsWith: .success) { [path = path as String] in
        try LMDBEnvironment.open(path, .readWrite).write { try $0.put("b", for: "a", in: texts) }
      }
      #expect(try environment.read { try $0.value(for: "a", in: texts) } == "b")
      await #expect(processExitsWith: .success) { [path = path as String] in
        try LMDBEnvironment.open(path, .readWrite).write { try $0.put([2], for: [1], in: raw) }
      }
      try environment.write { transaction in
        #expect(try transaction.value(for: [1], in: raw) == [2])
        try transaction.put([3], for: [1], in: raw)
      }
      #expect(try environment.read { $0.tableNames } == ["numbers", "raw", "texts"])
    }
  }

  @Test func afterForkAnEnvironmentIsAnErrorAndOpeningAnewWorks() async throws {
    try await withTemporaryDirectory { path in
      await #expect(processExitsWith: .success) { [path = path as String] in
        var environment: LMDBEnvironment? = try LMDBEnvironment.open(path, .readWrite)
        try environment!.write { try $0.put("b", for: "a", in: texts) }
        // Swift hides fork, with reason; this process has no other thread that matters.
        typealias Fork = @convention(c) () -> Int32
        let fork = unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)
        let child = fork()
        if child == 0 {
          let error = errorThrown { try environment!.read { _ in } }
          guard error?.code == .usage else { _exit(1) }
          environment = nil
          let own = try? LMDBEnvironment.open(path, .readWrite)
          let value = try? own?.read { try $0.value(for: "a", in: texts) }
          guard value == "b" else { _exit(2) }
          let failed = errorThrown { try own!.write { try $0.put("c", for: "a", in: texts) } }
          _exit(failed == nil ? 0 : 3)
        }
        var status: Int32 = -1
        waitpid(child, &status, 0)
        #expect(status == 0)
        try environment!.write { try $0.put("d", for: "e", in: texts) }
        #expect(try environment!.read { try $0.value(for: "a", in: texts) } == "c")
      }
    }
  }

  @Test func aFailedCommitPoisonsUntilItIsOpenedAnew() async throws {
    try await withTemporaryDirectory { path in
      await #expect(processExitsWith: .success) { [path = path as String] in
        var environment: LMDBEnvironment? = try LMDBEnvironment.open(path, .readWrite)
        try environment!.write { try $0.put([1], for: [1], in: raw) }
        // A limit on the file's size lets writing it fail, though the disk has room.
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit(rlim_cur: 1 << 16, rlim_max: rlim_t.max)
        let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
        setrlimit(resource, &limit)
        let large = [UInt8](repeating: 7, count: 1 << 20)
        let error = errorThrown { try environment!.write { try $0.put(large, for: [2], in: raw) } }
        #expect(error?.code == .io)
        limit.rlim_cur = rlim_t.max
        setrlimit(resource, &limit)
        #expect(errorThrown { try environment!.read { _ in } }?.code == .io)
        #expect(errorThrown { try environment!.write { _ in } }?.code == .io)
        environment = nil
        environment = try LMDBEnvironment.open(path, .readWrite)
        #expect(try environment!.read { try $0.count(in: raw) } == 1)
        try environment!.write { try $0.put(large, for: [2], in: raw) }
        #expect(try environment!.read { try $0.value(for: [2], in: raw) } == large)
      }
    }
  }

  @Test func littleAddressSpaceMakesASmallerMap() async throws {
    try await withTemporaryDirectory { path in
      await #expect(processExitsWith: .success) { [path = path as String] in
        var limit = rlimit(rlim_cur: 8 << 30, rlim_max: rlim_t.max)
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        let environment = try LMDBEnvironment.open(path, .readWrite)
        try environment.write { try $0.put([1], for: [1], in: raw) }
        #expect(try environment.read { try $0.value(for: [1], in: raw) } == [1])
      }
    }
  }

  @Test(.enabled(if: getuid() == 0, "needs to become somebody else"))
  func filesOfOthersCanBeRead() async throws {
    try await withTemporaryDirectory { path in
      try LMDBEnvironment.open(path, .readWrite).write { try $0.put("b", for: "a", in: texts) }
      chmod(path, 0o755)
      chmod("\(path)/data.mdb", 0o644)
      await #expect(processExitsWith: .success) { [path = path as String] in
        #expect(setuid(65534) == 0)
        let environment = try LMDBEnvironment.open(path, .readOnly)
        #expect(try environment.read { try $0.value(for: "a", in: texts) } == "b")
        #expect(errorThrown { _ = try LMDBEnvironment.open(path, .readWrite) }?.code == .io)
      }
    }
  }

  @Test(.enabled(if: getuid() == 0, "needs to mount a small disk"))
  func aFullDiskIsAnErrorThatLeavesTheStoreIntact() throws {
    try withTemporaryDirectory { path in
      guard mount("none", path, "tmpfs", 0, "size=2m") == 0 else { return }
      defer { umount2(path, CInt(MNT_DETACH)) }
      let environment = try LMDBEnvironment.open(path, .readWrite)
      try environment.write { try $0.put([1], for: [1], in: raw) }
      let large = [UInt8](repeating: 7, count: 4 << 20)
      let error = errorThrown { try environment.write { try $0.put(large, for: [2], in: raw) } }
      #expect(error?.code == .io)
      #expect(error?.message.hasPrefix("the disk is full") == true)
      #expect(try environment.read { try $0.value(for: [1], in: raw) } == [1])
      #expect(try environment.read { try $0.value(for: [2], in: raw) } == nil)
    }
  }
}
