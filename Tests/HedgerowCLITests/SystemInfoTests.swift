import Foundation
import Testing

@Suite struct SystemInfoTests {
  /// What one call prints; the environment has `core` for OpenBLAS, or none.
  private func run(_ arguments: [String], core: String? = nil) throws -> CommandLineRun {
    let assignment = core.map { ["OPENBLAS_CORETYPE=\($0)"] } ?? ["-u", "OPENBLAS_CORETYPE"]
    return try CommandLineRun(
      program: URL(fileURLWithPath: "/usr/bin/env"),
      arguments: assignment + [CommandLineRun.tool.path, "info"] + arguments)
  }

  @Test func theSystemIsToldInJSON() throws {
    let run = try run(["--system", "--json"])
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    #expect(object["processors"] as? Int ?? 0 > 0)
    #expect(["default", "x86-64-v3", "x86-64-v4"].contains(object["kernels"] as? String))
    let features = try #require(object["features"] as? [String])
    #expect(features.contains("AVX2") || object["kernels"] as? String == "default")
    let library = try #require(object["openblas"] as? [String: Any])
    #expect(library["is_right"] as? Bool == true && library["threads"] as? Int == 1)
    #expect(library["gigaflops"] as? Double ?? 0 > 0.1 && library["given_core"] is NSNull)
    #expect((library["configuration"] as? String)?.contains("OpenBLAS") == true)
    // A core that was tried ran, and is another one.
    let others = try #require(library["other_cores"] as? [[String: Any]])
    for other in others {
      #expect(other["core"] as? String != library["core"] as? String)
      #expect(other["gigaflops"] as? Double ?? 0 > 0.1)
    }
  }

  #if arch(x86_64)
    @Test func theCoreIsTheOneThatTheEnvironmentNames() throws {
      let run = try run(["--system"], core: "Nehalem")
      #expect(run.status == 0, "\(run.errors)")
      #expect(
        run.output.contains("core Nehalem, as OPENBLAS_CORETYPE=Nehalem asks"), "\(run.output)")
      #expect(run.output.contains("checked, and right") && run.output.contains("GFLOP/s"))
    }
  #endif

  @Test func aStoreOrTheSystemIsAskedFor() throws {
    #expect(try run([]).status == 64)
    #expect(try run(["--system", "store"]).status == 64)
  }
}
