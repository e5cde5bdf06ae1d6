import Foundation
import HedgerowCore
import Synchronization
import Testing

@testable import HedgerowLMDB

@Suite struct EnvironmentTests {
  @Test func openingAPathAgainSharesTheEnvironment() throws {
    try withTemporaryDirectory { path in
      var first: LMDBEnvironment? = try LMDBEnvironment.open(path, .readWrite)
      let link = path + "/link"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
      var second: LMDBEnvironment? = try LMDBEnvironment.open(link, .readOnly)
      #expect(first!.shared === second!.shared)
      try first!.write { try $0.put("b", for: "a", in: texts) }
      #expect(try second!.read { try $0.value(for: "a", in: texts) } == "b")
      #expect(
        errorThrown { try second!.write { try $0.put("c", for: "a", in: texts) } }?.code == .usage)
      first = nil
      // The last one closes; until then the file's locks are kept.
      #expect(try second!.read { try $0.value(for: "a", in: texts) } == "b")
      weak let shared = second!.shared
      second = nil
      #expect(shared == nil)
      let third = try LMDBEnvironment.open(path, .readWrite)
      #expect(try third.read { try $0.value(for: "a", in: texts) } == "b")
    }
  }

  /// Of 128 TiB that a process has, most stays free however many databases are open.
  @Test func manyDatabasesLeaveAddressesToOthers() {
    var taken = 0
    var shares: [Int] = []
    for _ in 0..<8_000 {
      shares.append(mapShare(of: 0, beside: taken))
      taken += shares.last!
    }
    #expect(shares.first! == 1 << 40)
    #expect(shares[200] >= 32 << 30)
    #expect(shares.last! == 4 << 30)
    #expect(taken < 100 << 40)
    #expect(mapShare(of: 100 << 30, beside: taken) == 256 << 30)
    #expect(mapShare(of: .max, beside: 0) == 1 << 40)
  }

  @Test func manyThreadsOpenAndCloseAtOnce() throws {
    try withTemporaryDirectory { path in
      try LMDBEnvironment.open(path, .readWrite).write { try $0.put("b", for: "a", in: texts) }
      let failures = FailureCount()
      let threads = (0..<4).map { _ in
        HedgerowCore.Thread.start {
          for _ in 0..<100 {
            let value = try? LMDBEnvironment.open(path, .readWrite).read {
              try $0.value(for: "a", in: texts)
            }
            if value != "b" { failures.add() }
          }
        }
      }
      for thread in threads { pthread_join(thread, nil) }
      #expect(failures.value == 0)
    }
  }

  @Test func filesAreForTheirOwnerAlone() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      for name in ["data.mdb", "lock.mdb"] {
        var status = stat()
        #expect(stat("\(path)/\(name)", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
      }
      _ = environment
    }
  }

  @Test func whatIsMissingIsSaidToBeMissing() throws {
    try withTemporaryDirectory { path in
      #expect(openingError(path, .readOnly)?.code == .noInput)
      let absent = path + "/absent"
      for access in [LMDBEnvironment.Access.readOnly, .readWrite] {
        let error = openingError(absent, access)
        #expect(error?.code == .noInput)
        #expect(error?.place == absent)
      }
    }
  }

  @Test func aFileOfSomethingElseIsDamaged() throws {
    try withTemporaryDirectory { path in
      let content = Data((0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      try content.write(to: URL(fileURLWithPath: path + "/data.mdb"))
      for access in [LMDBEnvironment.Access.readOnly, .readWrite] {
        let error = openingError(path, access)
        #expect(error?.code == .damaged)
        #expect(error?.place == path + "/data.mdb")
      }
    }
  }

  @Test func aFlippedByteInAValueOrItsKeyIsFound() throws {
    try withTemporaryDirectory { path in
      let needle = "a value that is easily found"
      let file = URL(fileURLWithPath: path + "/data.mdb")
      try LMDBEnvironment.open(path, .readWrite).write { transaction in
        try transaction.put(needle, for: "needle", in: texts)
        try transaction.put("hay", for: "straw", in: texts)
      }
      let intact = try Data(contentsOf: file)
      let value = try #require(intact.range(of: Data(needle.utf8)))
      for offset in [0, 5, -1, -4, -5] {
        var damaged = intact
        damaged[value.lowerBound + offset] ^= 0x20
        try damaged.write(to: file)
        let error = errorThrown {
          try LMDBEnvironment.open(path, .readOnly).read { transaction in
            #expect(try transaction.value(for: "straw", in: texts) == "hay")
            try transaction.forEach(in: texts) { _, _ in }
          }
        }
        #expect(error?.code == .damaged)
        #expect(error?.place?.hasPrefix("data.mdb table texts key ") == true)
      }
    }
  }

  @Test func anotherTablesTypeIsDamageNotACrash() throws {
    try withTemporaryDirectory { path in
      let environment = try LMDBEnvironment.open(path, .readWrite)
      try environment.write { try $0.put([0xFF, 0xFE], for: [9], in: raw) }
      let misread = Table<[UInt8], String>("raw")
      let error = errorThrown { try environment.read { _ = try $0.value(for: [9], in: misread) } }
      let place = "data.mdb table raw key 09"
      #expect(error == HedgerowError(.damaged, "a text is not UTF-8", at: place))
      let narrow = Table<[UInt8], UInt32>("raw")
      #expect(
        errorThrown { try environment.read { _ = try $0.last(in: narrow) } }?.code == .damaged)
    }
  }

  @Test func networkFileSystemsAreKnownByTheirMounts() {
    let nfs = "90 60 0:54 / /home rw,relatime shared:31 - nfs4 host:/home rw,vers=4.2"
    let disk = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw"
    let ssh = "91 60 0:55 / /far rw,nosuid - fuse.sshfs me@host: rw,user_id=0"
    #expect(kindOfNetworkMount(nfs, device: "0:54") == "nfs4")
    #expect(kindOfNetworkMount(nfs, device: "0:55") == nil)
    #expect(kindOfNetworkMount(disk, device: "254:0") == nil)
    #expect(kindOfNetworkMount(ssh, device: "0:55") == "fuse.sshfs")
    #expect(kindOfNetworkMount("", device: "0:55") == nil)
    #expect(deviceNumber(0xFE00) == "254:0")
    #expect(deviceNumber(0x0010_0336) == "3:310")
  }
}

private func openingError(_ path: String, _ access: LMDBEnvironment.Access) -> HedgerowError? {
  errorThrown { _ = try LMDBEnvironment.open(path, access) }
}

private final class FailureCount: Sendable {
  private let count = Mutex(0)
  func add() { count.withLock { $0 += 1 } }
  var value: Int { count.withLock { $0 } }
}
