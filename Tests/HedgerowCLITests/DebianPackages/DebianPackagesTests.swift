import Foundation
import HedgerowTestSupport
import Testing

@testable import HedgerowCLI

/// `hedgerow dataset debian-packages` as a user calls it.
@Suite struct DebianPackagesTests {
  private static let list = """
    Package: tool
    Version: 1.0-2
    Installed-Size: 12
    Maintainer: "Ann" Example <ann@example.org>
    Architecture: amd64
    Depends: libtool1 (>= 1.0), libtool1 (<< 2), mail-agent | sender:any [amd64] <!x>, +wrong
    Recommends: tool-doc
    Description: Does the work, and
     is described at length.
    Tag: role::program, use::working,
     role::program
    Section: contrib/utils
    Priority: optional
    Size: 34

    Package: libtool1
    Source: tool (1.0-1)
    Version: 1.0-2+b1
    Maintainer: Bob Example <bob@example.org>
    Section: libs
    X-Unknown: whatever
    Breaks: old-tool
    Installed-Size: unknown

    Version: 3

    Package: tool-doc
    Source: tool-docs
    Version: 1:1.10
    Section: doc
    Description: new words

    Package: sender
    Version: 2
    Provides: mail-agent (= 2)
    Conflicts: mail-agent
    Section: mail

    Package: tool-doc
    Version: 1:1.9
    Section: oldlibs
    Depends: never

    """

  private func make(
    _ text: String, name: String = "Packages", _ options: String...
  ) throws -> (run: CommandLineRun, directory: TemporaryDirectory) {
    let directory = TemporaryDirectory()
    let file = directory.write(name, text)
    let run = try CommandLineRun(
      arguments: ["dataset", "debian-packages", directory("d"), "--from", file] + options)
    return (run, directory)
  }

  private func rows(_ directory: TemporaryDirectory, _ file: String) -> [String] {
    let text = String(
      decoding: TemporaryDirectory.contents(directory("d/\(file).tsv")), as: UTF8.self)
    return text.split(separator: "\n").dropFirst().map(String.init)
  }

  @Test func aSmallListBecomesItsGraph() throws {
    let (run, directory) = try make(Self.list, "--json")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let split = HashedSplit(seed: 0)
    func part(_ source: String) -> String { split.part(of: source).rawValue }
    #expect(
      rows(directory, "nodes-package") == [
        "tool\tutils\t\(part("tool"))\t1.0-2\tamd64\toptional\t12\t34\tDoes the work, and",
        "libtool1\tlibs\t\(part("tool"))\t1.0-2+b1\t\t\t\t\t",
        "tool-doc\tdoc\t\(part("tool-docs"))\t1:1.10\t\t\t\t\tnew words",
        "sender\tmail\t\(part("sender"))\t2\t\t\t\t\t",
      ])
    #expect(rows(directory, "nodes-virtual") == ["mail-agent", "old-tool"])
    #expect(rows(directory, "nodes-source") == ["tool", "tool-docs", "sender"])
    #expect(
      rows(directory, "nodes-maintainer") == [
        #""""Ann"" Example <ann@example.org>""#, "Bob Example <bob@example.org>",
      ])
    #expect(rows(directory, "nodes-tag") == ["role::program\trole", "use::working\tuse"])
    #expect(
      rows(directory, "edges-package-depends-package") == [
        "tool\tlibtool1\t0\t>= 1.0", "tool\tlibtool1\t1\t<< 2", "tool\tsender\t2\t",
      ])
    #expect(rows(directory, "edges-package-depends-virtual") == ["tool\tmail-agent\t2\t"])
    #expect(rows(directory, "edges-package-recommends-package") == ["tool\ttool-doc\t0\t"])
    #expect(rows(directory, "edges-package-breaks-virtual") == ["libtool1\told-tool\t0\t"])
    #expect(rows(directory, "edges-package-provides-virtual") == ["sender\tmail-agent\t0\t= 2"])
    #expect(rows(directory, "edges-package-conflicts-virtual") == ["sender\tmail-agent\t0\t"])
    #expect(
      rows(directory, "edges-package-built_from-source") == [
        "tool\ttool", "libtool1\ttool", "tool-doc\ttool-docs", "sender\tsender",
      ])
    #expect(
      rows(directory, "edges-package-tagged-tag") == ["tool\trole::program", "tool\tuse::working"])
    let info = try object(run.output)
    #expect(info["relations"] as? Int == 8 && info["sections"] as? Int == 4)
    #expect(info["older_versions"] as? Int == 1 && info["nameless"] as? Int == 1)
    #expect(info["malformed"] as? Int == 1 && info["majority_class_share"] as? Double == 0.25)

    let array = TemporaryDirectory.contents(directory("d/features-package.npy"))
    #expect(array.count == 128 + 4 * 256)
    var expected = [UInt8](repeating: 0, count: 4 * 256)
    for (node, text) in [(0, "Does the work and is described at length"), (2, "new words")] {
      var row = [UInt8](repeating: 0, count: 256)
      HashedWords(count: 256).add(Array(text.utf8)[...], to: &row)
      expected.replaceSubrange(node * 256..<(node + 1) * 256, with: row)
    }
    #expect(Array(array[128...]) == expected)
  }

  @Test func theScriptMakesAStoreOfIt() throws {
    let (run, directory) = try make(Self.list)
    #expect(run.status == 0)
    #expect(run.output.contains("sh \(directory("d"))/ingest.sh STORE"))
    let script = Process()
    script.executableURL = URL(fileURLWithPath: "/bin/sh")
    script.arguments = [directory("d/ingest.sh"), directory("s"), "--json", "--on-missing", "fail"]
    script.environment = ["HEDGEROW": CommandLineRun.tool.path, "PATH": "/usr/bin:/bin"]
    let output = Pipe()
    script.standardOutput = output
    try script.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    script.waitUntilExit()
    #expect(script.terminationStatus == 0)
    let ingested = try object(text)
    let made = try object(
      String(decoding: TemporaryDirectory.contents(directory("d/info.json")), as: UTF8.self))
    for counts in ["nodes", "edges"] {
      let counted = try #require(ingested[counts] as? [String: Int])
      #expect(counted == made[counts] as? [String: Int])
    }
  }

  @Test func siblingsShareAPartAndPartsHaveTheirShares() {
    let split = HashedSplit(seed: 0)
    var counts: [HashedSplit.Part: Int] = [:]
    for number in 0..<10_000 { counts[split.part(of: "source-\(number)"), default: 0] += 1 }
    #expect((5800...6200).contains(counts[.train]!), "\(counts)")
    #expect((1850...2150).contains(counts[.valid]!) && (1850...2150).contains(counts[.test]!))
    #expect(
      (0..<100).contains { HashedSplit(seed: 1).part(of: "\($0)") != split.part(of: "\($0)") })
  }

  @Test func optionsDecideColumnsAndSplit() throws {
    let (run, directory) = try make(Self.list, "--words", "7", "--seed", "3")
    #expect(run.status == 0)
    #expect(TemporaryDirectory.contents(directory("d/features-package.npy")).count == 128 + 4 * 7)
    let part = HashedSplit(seed: 3).part(of: "tool").rawValue
    #expect(rows(directory, "nodes-package")[0].contains("\t\(part)\t"))
    #expect(try make(Self.list, "--words", "0").run.status == 64)
    #expect(try make(Self.list, "--memory", "24MiB").run.status == 64)
  }

  @Test(arguments: [
    ("", "is empty"), ("Version: 1\n\nVersion: 2\n", "names no package"),
    ("Package: a\n\u{1}\n", ":2: "), ("not a list\n", ":1: "), ("Package: !\n", "names no package"),
  ])
  func whatIsNoListIsRefusedAndLeavesNothing(_ text: String, message: String) throws {
    let (run, directory) = try make(text)
    #expect(run.status == 65 && run.errorLines == 1 && run.output.isEmpty)
    #expect(run.errors.contains(message), "\(run.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["Packages"])
  }

  @Test func bytesThatAreNoTextAreReplaced() throws {
    let directory = TemporaryDirectory()
    let bytes = Array("Package: a\nMaintainer: J\u{0}".utf8) + [0xFF, 0xC3] + Array("\tx\n".utf8)
    let run = try CommandLineRun(
      "dataset", "debian-packages", directory("d"), "--from", directory.write("P", bytes))
    #expect(run.status == 0)
    #expect(rows(directory, "nodes-maintainer") == ["J \u{FFFD}\u{FFFD} x"])
  }

  @Test func compressedListsAreReadAndBrokenOnesRefused() throws {
    let directory = TemporaryDirectory()
    let plain = directory.write("Packages", Self.list)
    #expect(
      try CommandLineRun("dataset", "debian-packages", directory("d0"), "--from", plain).status == 0
    )
    let expected = TemporaryDirectory.contents(directory("d0/edges-package-depends-package.tsv"))
    for tool in ["gzip", "xz"]
    where FileManager.default.isExecutableFile(atPath: "/usr/bin/\(tool)") {
      if tool == "xz" && !FileManager.default.isExecutableFile(atPath: AptHelper.usualPath) {
        continue
      }
      let packed = Process()
      packed.executableURL = URL(fileURLWithPath: "/usr/bin/\(tool)")
      packed.arguments = ["-k", plain]
      try packed.run()
      packed.waitUntilExit()
      let file = "\(plain).\(tool == "gzip" ? "gz" : "xz")"
      let run = try CommandLineRun(
        "dataset", "debian-packages", directory("d-\(tool)"), "--from", file)
      #expect(run.status == 0, "\(run.errors)")
      #expect(
        TemporaryDirectory.contents(directory("d-\(tool)/edges-package-depends-package.tsv"))
          == expected)
      let bytes = TemporaryDirectory.contents(file)
      let half = directory.write(
        "half.\(tool == "gzip" ? "gz" : "xz")", Array(bytes[..<(bytes.count / 2)]))
      let broken = try CommandLineRun("dataset", "debian-packages", directory("b"), "--from", half)
      #expect(broken.status == 65 && broken.errors.contains("truncated"), "\(broken.errors)")
      #expect(!FileManager.default.fileExists(atPath: directory("b")))
    }
  }

  @Test func otherCompressionsNeedAptAndItsNames() throws {
    let directory = TemporaryDirectory()
    let file = directory.write("list", [0x04, 0x22, 0x4D, 0x18, 0, 0])
    let error = #expect(throws: (any Error).self) {
      _ = try PackagesInput(path: file, helper: directory("missing"))
    }
    #expect("\(error!)".contains("lz4") && "\(error!)".contains("install the package apt"))
    let missing = try CommandLineRun(
      "dataset", "debian-packages", directory("d"), "--from", directory("none"))
    #expect(missing.status == 66 && missing.errorLines == 1)
  }

  @Test func theLargestListOfAMainAreaIsTaken() throws {
    let directory = TemporaryDirectory()
    let lists = PackageLists(directory: directory.path)
    #expect(throws: (any Error).self) { try lists.largest() }
    directory.write("deb_dists_x_main_binary-amd64_Packages.lz4", "12")
    directory.write("deb_dists_y_main_binary-amd64_Packages", "123")
    directory.write("deb_dists_y_contrib_binary-amd64_Packages", "12345")
    directory.write("deb_dists_y_main_source_Sources", "12345")
    directory.write("deb_dists_y_main_binary-amd64_Packages_x", "12345")
    directory.write("deb_dists_a_main_binary-amd64_Packages.gz", "123")
    #expect(try lists.largest() == directory("deb_dists_a_main_binary-amd64_Packages.gz"))
  }

  private static let pinned = ProcessInfo.processInfo.environment["HEDGEROW_DATA"].map {
    "\($0)/debian-packages/Packages.gz"
  }

  @Test(
    .enabled(if: pinned != nil, "HEDGEROW_DATA is not set: no list of a whole archive to read"))
  func aWholeArchiveHasTheCountsThatOthersFound() throws {
    try #require(FileManager.default.fileExists(atPath: Self.pinned!))
    let directory = TemporaryDirectory()
    let run = try CommandLineRun(
      "dataset", "debian-packages", directory("d"), "--from", Self.pinned!, "--memory", "128MiB",
      "--json")
    #expect(run.status == 0, "\(run.errors)")
    let info = try object(run.output)
    let nodes = try #require(info["nodes"] as? [String: Int])
    #expect(
      nodes == [
        "package": 63_436, "virtual": 43_828, "source": 34_169, "maintainer": 2248, "tag": 598,
      ])
    let edges = try #require(info["edges"] as? [String: Int])
    func relations(_ name: String) -> Int {
      edges["package:\(name):package"]! + edges["package:\(name):virtual"]!
    }
    #expect(
      PackageRelation.Kind.allCases.map { relations($0.rawValue) } == [
        286_173, 995, 30_588, 28_136, 2065, 11_393, 6799, 10_965, 37_557,
      ])
    #expect(info["relations"] as? Int == 414_671)
    #expect(edges["package:depends:package"] == 251_386)
    #expect(edges["package:tagged:tag"] == 112_118 && edges["package:built_from:source"] == 63_436)
    #expect(info["sections"] as? Int == 58 && info["older_versions"] as? Int == 4)
    #expect(info["nameless"] as? Int == 0 && info["malformed"] as? Int == 0)
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }
}
