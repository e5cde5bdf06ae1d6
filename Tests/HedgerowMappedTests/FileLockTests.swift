import Foundation
import HedgerowCore
import HedgerowMapped
import HedgerowTestSupport
import Synchronization
import Testing

@Suite struct FileLockTests {
  @Test func exclusiveHoldersAreAloneAndSharedOnesAreNot() throws {
    let directory = TemporaryDirectory()
    func lock(_ exclusive: Bool) throws -> FileLock? {
      try FileLock(at: directory("lock"), exclusive: exclusive)
    }
    var first = try lock(false)
    var second = try lock(false)
    #expect(first != nil && second != nil)
    #expect(try lock(true) == nil)
    first = nil
    #expect(try lock(true) == nil)
    second = nil
    let alone = try lock(true)
    #expect(alone != nil)
    #expect(try lock(false) == nil && lock(true) == nil)
    withExtendedLifetime(alone) {}
  }

  /// A process being spawned has a copy of every descriptor until it runs its program.
  @Test func aLockIsFreeAtOnceWhileProcessesAreSpawned() throws {
    let directory = TemporaryDirectory()
    let isOver = Atomic(false)
    let threads = ThreadPool(threadCount: 3)
    let refused = Atomic(0)
    let spawned = Atomic(0)
    threads.run(parts: 3) { part in
      if part == 0 {
        for _ in 0..<20_000 {
          if (try? FileLock(at: directory("lock"), exclusive: true)) ?? nil == nil {
            refused.wrappingAdd(1, ordering: .relaxed)
          }
        }
        isOver.store(true, ordering: .relaxed)
        return
      }
      while !isOver.load(ordering: .relaxed) {
        var child = pid_t()
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
        if posix_spawn(&child, "/bin/true", nil, nil, &arguments, nil) == 0 {
          waitpid(child, nil, 0)
          spawned.wrappingAdd(1, ordering: .relaxed)
        }
        free(arguments[0])
      }
    }
    #expect(refused.load(ordering: .relaxed) == 0)
    #expect(spawned.load(ordering: .relaxed) > 10)
  }

  @Test func aChildOfForkLeavesItsParentsLockAlone() async {
    await #expect(processExitsWith: .success) {
      let directory = TemporaryDirectory()
      var lock = try FileLock(at: directory("lock"), exclusive: true)
      typealias Fork = @convention(c) () -> Int32
      let fork = unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)
      let child = fork()
      if child == 0 {
        lock = nil
        _exit(0)
      }
      waitpid(child, nil, 0)
      guard try FileLock(at: directory("lock"), exclusive: true) == nil else { exit(1) }
      guard lock != nil else { exit(2) }
      lock = nil
      guard try FileLock(at: directory("lock"), exclusive: true) != nil else { exit(3) }
    }
  }
}
